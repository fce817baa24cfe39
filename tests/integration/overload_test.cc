// Ten times as many calls as the queue takes: those let in are answered, the others are
// refused at once, and memory stays. `rpc-bench --only=overload` is the long form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "client/lib/load.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

constexpr int kQueue = 16;

int64_t ResidentMebibytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0;
  int64_t pages = 0;
  statm >> total >> pages;
  return pages * 4096 >> 20;
}

client::Load LoadOf(const v1::TrainRequest& request, int in_flight) {
  return {"/chainrule.v1.TrainingService/Train", request.SerializeAsString(), in_flight,
          absl::Seconds(1)};
}

class OverloadTest : public ::testing::Test {
 protected:
  static server::Options SmallQueue() {
    server::Options options = TestOptions();
    options.limits.max_queued_calls = kQueue;
    return options;
  }
  OverloadTest() {
    server_.Create("m", MakeSpec({64, 256, 8}));
    request_.set_epochs(100);  // so that a call takes longer than to send the others
  }

  TestServer server_{SmallQueue()};
  v1::TrainRequest request_ = MakeTrain("models/m", MakeExamples(20, 64, 8));
};

TEST_F(OverloadTest, WhatIsLetInIsAnsweredAndMemoryStays) {
  const auto channel = server_.NewChannel();
  ASSERT_TRUE(client::RunLoad(channel, LoadOf(request_, 10 * kQueue)).ok());  // warms up
  const int64_t before = ResidentMebibytes();
  const auto result = client::RunLoad(channel, LoadOf(request_, 10 * kQueue));
  ASSERT_TRUE(result.ok());
  EXPECT_GT(result->calls, 0);
  EXPECT_GT(result->errors, 0);
  EXPECT_EQ(result->first_error.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_LT(ResidentMebibytes() - before, 32);  // the generator's own figures included
}

}  // namespace
}  // namespace chainrule::test
