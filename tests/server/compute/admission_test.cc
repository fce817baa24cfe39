#include "server/compute/admission.h"

#include <deque>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

TEST(AdmissionTest, CallsBeyondTheLimitAreToldToComeBack) {
  Admission admission(2, 100);
  const auto first = admission.Enter(1);
  const auto second = admission.Enter(1);
  const absl::Status status = admission.Enter(1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Reason(status), "OVERLOADED");
  EXPECT_EQ(Metadata(status, "limit"), "max_queued_calls");
  EXPECT_EQ(Metadata(status, "maximum"), "2");
  EXPECT_GT(engine::GetErrorDetail(status).retry_after, absl::ZeroDuration());
  EXPECT_EQ(admission.calls(), 2);
}

TEST(AdmissionTest, BytesBeyondTheLimitAreToldToComeBack) {
  Admission admission(10, 100);
  const auto first = admission.Enter(60);
  const absl::Status status = admission.Enter(41).status();
  EXPECT_EQ(Reason(status), "OVERLOADED");
  EXPECT_EQ(Metadata(status, "limit"), "max_queued_bytes");
  EXPECT_EQ(admission.bytes(), 60);
  EXPECT_EQ(admission.calls(), 1);
  EXPECT_TRUE(admission.Enter(40).ok());
}

TEST(AdmissionTest, CheckRoomSaysWhatEnterWouldAndTakesNothing) {
  Admission admission(1, 100);
  EXPECT_TRUE(admission.CheckRoom().ok());
  {
    const auto call = admission.Enter(1);
    EXPECT_EQ(Metadata(admission.CheckRoom(), "limit"), "max_queued_calls");
  }
  EXPECT_TRUE(admission.CheckRoom().ok());
  Admission few_bytes(10, 100);
  const auto call = few_bytes.Enter(100);
  EXPECT_EQ(Metadata(few_bytes.CheckRoom(), "limit"), "max_queued_bytes");
  EXPECT_EQ(few_bytes.calls(), 1);
}

TEST(AdmissionTest, PresenceIsCountedAndTakesNoPlace) {
  Admission admission(1, 100);
  const Admission::Presence one(&admission);
  {
    const Admission::Presence two(&admission);
    EXPECT_EQ(admission.present(), 2);
  }
  EXPECT_EQ(admission.present(), 1);
  EXPECT_TRUE(admission.Enter(1).ok());
}

TEST(AdmissionTest, ProbesAreLetInThoughAllIsFullButNotWithoutEnd) {
  using Presence = Admission::Presence;
  Admission admission(1, 100);
  const auto call = admission.Enter(1);
  ASSERT_FALSE(admission.CheckRoom().ok());
  std::deque<Presence> probes;
  for (int i = 0; i < 1'000; ++i) {
    probes.emplace_back(&admission, Presence::Kind::kProbe);
    ASSERT_TRUE(admission.CheckProbeRoom().ok()) << i;
  }
  EXPECT_EQ(admission.present(), 0) << "they take no call's place";
  probes.emplace_back(&admission, Presence::Kind::kProbe);
  EXPECT_EQ(admission.CheckProbeRoom().code(), absl::StatusCode::kResourceExhausted);
  probes.pop_back();
  EXPECT_TRUE(admission.CheckProbeRoom().ok());
}

TEST(AdmissionTest, CallThatNoWaitMakesRoomForIsRefusedForGood) {
  Admission admission(10, 100);
  const absl::Status status = admission.Enter(101).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "LIMIT_EXCEEDED");
  EXPECT_EQ(admission.calls(), 0);
}

TEST(AdmissionTest, TicketGivesItsShareBackOnce) {
  Admission admission(10, 100);
  {
    absl::StatusOr<Admission::Ticket> entered = admission.Enter(30);
    Admission::Ticket moved = *std::move(entered);
    Admission::Ticket assigned;
    assigned = std::move(moved);
    EXPECT_EQ(admission.calls(), 1);
    EXPECT_EQ(admission.bytes(), 30);
  }
  EXPECT_EQ(admission.calls(), 0);
  EXPECT_EQ(admission.bytes(), 0);
}

TEST(AdmissionTest, AssignedTicketGivesItsOldShareBack) {
  Admission admission(10, 100);
  Admission::Ticket ticket = *admission.Enter(30);
  ticket = *admission.Enter(20);
  EXPECT_EQ(admission.calls(), 1);
  EXPECT_EQ(admission.bytes(), 20);
}

TEST(AdmissionTest, TicketGrowsWithinTheLimit) {
  Admission admission(10, 100);
  const auto other = admission.Enter(50);
  Admission::Ticket ticket = *admission.Enter(10);
  EXPECT_TRUE(ticket.Grow(40).ok());
  EXPECT_EQ(Reason(ticket.Grow(1)), "OVERLOADED");
  EXPECT_EQ(Reason(ticket.Grow(51)), "LIMIT_EXCEEDED");
  EXPECT_EQ(admission.bytes(), 100);
}

TEST(AdmissionTest, NeverAdmitsMoreThanItsLimitsFromManyThreads) {
  Admission admission(4, 30);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int call = 0; call < 2'000; ++call) {
        const auto ticket = admission.Enter(10);
        EXPECT_LE(admission.bytes(), 30);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admission.calls(), 0);
  EXPECT_EQ(admission.bytes(), 0);
}

}  // namespace
}  // namespace chainrule::server
