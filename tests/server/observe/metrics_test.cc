#include "server/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace chainrule::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, CountsByRpcAndCode) {
  Metrics metrics;
  RpcMetrics* rpc = metrics.AddRpc("S/M");
  rpc->Record(absl::StatusCode::kOk, absl::Milliseconds(3));
  rpc->Record(absl::StatusCode::kOk, absl::Seconds(3));
  rpc->Record(absl::StatusCode::kCancelled, absl::Seconds(100));
  rpc->AddRows(7);
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, HasSubstr(R"(chainrule_calls_total{rpc="S/M",code="OK"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_calls_total{rpc="S/M",code="CANCELLED"} 1)"));
  EXPECT_THAT(text, Not(HasSubstr("ABORTED")));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_rows_total{rpc="S/M"} 7)"));
}

TEST(MetricsTest, BucketsAreCumulative) {
  Metrics metrics;
  RpcMetrics* rpc = metrics.AddRpc("S/M");
  rpc->Record(absl::StatusCode::kOk, absl::Microseconds(100));  // a bound belongs to its bucket
  rpc->Record(absl::StatusCode::kOk, absl::Milliseconds(3));
  rpc->Record(absl::StatusCode::kOk, absl::Seconds(100));
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, HasSubstr(R"(chainrule_call_seconds_bucket{rpc="S/M",le="0.0001"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_call_seconds_bucket{rpc="S/M",le="0.005"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_call_seconds_bucket{rpc="S/M",le="60"} 2)"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_call_seconds_bucket{rpc="S/M",le="+Inf"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_call_seconds_count{rpc="S/M"} 3)"));
}

TEST(MetricsTest, GaugesAreReadWhenShown) {
  Metrics metrics;
  double value = 1;
  metrics.AddGauge("chainrule_things", "Things.", [&] { return value; });
  value = 42;
  EXPECT_THAT(metrics.Serialize(), HasSubstr("chainrule_things 42"));
}

TEST(MetricsTest, LosesNoCallUnderConcurrency) {
  Metrics metrics;
  RpcMetrics* rpc = metrics.AddRpc("S/M");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10'000; ++j) rpc->Record(absl::StatusCode::kOk, absl::Microseconds(j));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rpc->calls(absl::StatusCode::kOk), 40'000);
}

}  // namespace
}  // namespace chainrule::server
