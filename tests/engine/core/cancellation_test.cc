#include "engine/core/cancellation.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

using ::testing::HasSubstr;

TEST(CancellationTest, WorkGoesOnUntilCancelled) {
  Cancellation cancellation;
  EXPECT_TRUE(cancellation.Check().ok());
  cancellation.Cancel();
  EXPECT_EQ(cancellation.Check().code(), absl::StatusCode::kCancelled);
}

TEST(CancellationTest, FirstReasonIsKept) {
  Cancellation cancellation;
  cancellation.Cancel(absl::StatusCode::kAborted);
  cancellation.Cancel(absl::StatusCode::kUnavailable);
  EXPECT_EQ(cancellation.Check().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(cancellation.Check().message(), HasSubstr("deleted"));
}

TEST(CancellationTest, StoppingServerIsUnavailable) {
  Cancellation cancellation;
  cancellation.Cancel(absl::StatusCode::kUnavailable);
  EXPECT_EQ(cancellation.Check().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(cancellation.Check().message(), HasSubstr("stopping"));
}

TEST(CancellationTest, PassedDeadlineEndsWork) {
  const Cancellation past(absl::Now() - absl::Seconds(1));
  const Cancellation future(absl::Now() + absl::Hours(24));
  EXPECT_EQ(past.Check().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(future.Check().ok());
}

TEST(CancellationTest, ReasonGivenComesBeforeTheDeadline) {
  Cancellation cancellation(absl::Now() - absl::Seconds(1));
  cancellation.Cancel(absl::StatusCode::kAborted);
  EXPECT_EQ(cancellation.Check().code(), absl::StatusCode::kAborted);
}

}  // namespace
}  // namespace chainrule::engine
