#include "server/observe/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>

namespace chainrule::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Family(absl::string_view name, absl::string_view help, MetricType type) {
  return {std::string(name), std::string(help), type, {}};
}

ClientMetric Labelled(std::vector<ClientMetric::Label> labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  return metric;
}

double Read(const std::atomic<int64_t>& count) {
  return static_cast<double>(count.load(std::memory_order_relaxed));
}

}  // namespace

void RpcMetrics::Record(absl::StatusCode code, absl::Duration latency) {
  const auto index = std::min(static_cast<size_t>(code), kCodes - 1);
  codes_[index].fetch_add(1, std::memory_order_relaxed);
  const auto* bucket =
      std::lower_bound(kBuckets.begin(), kBuckets.end(), absl::ToDoubleSeconds(latency));
  latencies_[static_cast<size_t>(bucket - kBuckets.begin())].fetch_add(1,
                                                                       std::memory_order_relaxed);
  latency_sum_ns_.fetch_add(absl::ToInt64Nanoseconds(latency), std::memory_order_relaxed);
}

int64_t RpcMetrics::calls(absl::StatusCode code) const {
  return codes_[static_cast<size_t>(code)].load(std::memory_order_relaxed);
}

RpcMetrics* Metrics::AddRpc(absl::string_view name) {
  return rpcs_.emplace_back(std::make_unique<RpcMetrics>(name)).get();
}

void Metrics::AddGauge(absl::string_view name, absl::string_view help,
                       std::function<double()> read) {
  gauges_.push_back({std::string(name), std::string(help), std::move(read)});
}

std::string Metrics::Serialize() const {
  MetricFamily calls =
      Family("chainrule_calls_total", "Calls that ended, by code.", MetricType::Counter);
  MetricFamily seconds =
      Family("chainrule_call_seconds", "From a call's arrival to its end.", MetricType::Histogram);
  MetricFamily rows =
      Family("chainrule_rows_total", "Rows that calls brought.", MetricType::Counter);
  for (const auto& rpc : rpcs_) {
    const ClientMetric::Label name{"rpc", rpc->name()};
    for (size_t code = 0; code < RpcMetrics::kCodes; ++code) {
      if (Read(rpc->codes_[code]) == 0) continue;
      const auto text = absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
      calls.metric.push_back(Labelled({name, {"code", text}}));
      calls.metric.back().counter.value = Read(rpc->codes_[code]);
    }
    rows.metric.push_back(Labelled({name}));
    rows.metric.back().counter.value = Read(rpc->rows_);
    seconds.metric.push_back(Labelled({name}));
    ClientMetric::Histogram& histogram = seconds.metric.back().histogram;
    for (size_t i = 0; i < rpc->latencies_.size(); ++i) {
      histogram.sample_count += static_cast<uint64_t>(Read(rpc->latencies_[i]));
      const double bound = i < RpcMetrics::kBuckets.size()
                               ? RpcMetrics::kBuckets[i]
                               : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({histogram.sample_count, bound});
    }
    histogram.sample_sum = Read(rpc->latency_sum_ns_) * 1e-9;
  }
  MetricFamily steps = Family("chainrule_train_steps_total", "Optimizer steps of calls that ended.",
                              MetricType::Counter);
  steps.metric.emplace_back().counter.value = Read(train_steps_);

  std::vector<MetricFamily> families = {calls, seconds, rows, steps};
  for (const Gauge& gauge : gauges_) {
    families.push_back(Family(gauge.name, gauge.help, MetricType::Gauge));
    families.back().metric.emplace_back().gauge.value = gauge.read();
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace chainrule::server
