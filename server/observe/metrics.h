// Metrics: what the server counts, in Prometheus' text format. Counters are atomics of
// our own, so that counting a call takes no lock.
// Thread-safe, but for AddRpc and AddGauge, which belong to start-up.
#ifndef CHAINRULE_SERVER_OBSERVE_METRICS_H_
#define CHAINRULE_SERVER_OBSERVE_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chainrule::server {

// One RPC's counters.
class RpcMetrics {
 public:
  // Upper bounds of the latency histogram, in seconds; beyond the last: +Inf.
  static constexpr std::array<double, 14> kBuckets = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10, 60};
  static constexpr size_t kCodes = 17;

  explicit RpcMetrics(absl::string_view name) : name_(name) {}

  // `Service/Method`.
  const std::string& name() const { return name_; }
  // A call ended.
  void Record(absl::StatusCode code, absl::Duration latency);
  void AddRows(int64_t rows) { rows_.fetch_add(rows, std::memory_order_relaxed); }

  int64_t calls(absl::StatusCode code) const;
  int64_t rows() const { return rows_.load(std::memory_order_relaxed); }

 private:
  friend class Metrics;
  const std::string name_;
  std::array<std::atomic<int64_t>, kCodes> codes_{};
  std::array<std::atomic<int64_t>, kBuckets.size() + 1> latencies_{};
  std::atomic<int64_t> latency_sum_ns_{0};
  std::atomic<int64_t> rows_{0};
};

class Metrics {
 public:
  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Lives as long as this.
  RpcMetrics* AddRpc(absl::string_view name);
  // `read` is called whenever the metrics are read, from any thread.
  void AddGauge(absl::string_view name, absl::string_view help, std::function<double()> read);
  void AddTrainSteps(int64_t steps) { train_steps_.fetch_add(steps, std::memory_order_relaxed); }

  // Everything, in the text format.
  std::string Serialize() const;

 private:
  struct Gauge {
    std::string name;
    std::string help;
    std::function<double()> read;
  };
  std::vector<std::unique_ptr<RpcMetrics>> rpcs_;
  std::vector<Gauge> gauges_;
  std::atomic<int64_t> train_steps_{0};
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_OBSERVE_METRICS_H_
