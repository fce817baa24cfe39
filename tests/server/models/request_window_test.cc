#include "server/models/request_window.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "engine/core/error.h"
#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

constexpr ContentDigest kContent = {1, 2};
constexpr ContentDigest kOther = {1, 3};
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

// A time-ordered id.
std::string MadeAt(absl::Time time) {
  const auto milliseconds = static_cast<uint64_t>(absl::ToUnixMillis(time));
  return absl::StrFormat("%08x-%04x-7abc-8def-0123456789ab", milliseconds >> 16,
                         milliseconds & 0xffffU);
}

TEST(RequestWindowTest, UnseenIdHasNoOutcome) {
  RequestWindow<int> window(10, absl::Hours(1));
  const auto found = window.Find("a", kContent, kNow);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, nullptr);
}

TEST(RequestWindowTest, RepeatFindsTheStoredOutcome) {
  RequestWindow<int> window(10, absl::Hours(1));
  window.Store("a", kContent, 5, kNow);
  const auto found = window.Find("a", kContent, kNow);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(**found, 5);
}

TEST(RequestWindowTest, LaterOutcomeTakesTheFirstOnesPlace) {
  RequestWindow<int> window(10, absl::Hours(1));
  window.Store("a", kContent, 5, kNow);
  window.Store("a", kContent, 6, kNow);
  EXPECT_EQ(**window.Find("a", kContent, kNow), 6);
  EXPECT_EQ(window.size(), 1);
}

TEST(RequestWindowTest, OtherContentIsRefused) {
  RequestWindow<int> window(10, absl::Hours(1));
  window.Store("a", kContent, 5, kNow);
  const absl::Status status = window.Find("a", kOther, kNow).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(status), "REQUEST_ID_REUSED");
  EXPECT_EQ(Metadata(status, "request_id"), "a");
}

TEST(RequestWindowTest, OldestIsForgottenBeyondTheCount) {
  RequestWindow<int> window(2, absl::Hours(1));
  for (const char* id : {"a", "b", "c"}) window.Store(id, kContent, 1, kNow);
  EXPECT_EQ(*window.Find("a", kContent, kNow), nullptr);
  EXPECT_NE(*window.Find("b", kContent, kNow), nullptr);
  EXPECT_NE(*window.Find("c", kContent, kNow), nullptr);
}

TEST(RequestWindowTest, IsForgottenBeyondTheAgeOfItsLastOutcome) {
  RequestWindow<int> window(10, absl::Hours(1));
  window.Store("a", kContent, 1, kNow);
  window.Store("b", kContent, 1, kNow);
  window.Store("a", kContent, 2, kNow + absl::Minutes(30));
  const absl::Time later = kNow + absl::Minutes(80);
  EXPECT_NE(*window.Find("a", kContent, later), nullptr);
  EXPECT_EQ(*window.Find("b", kContent, later), nullptr);
}

TEST(RequestWindowTest, TimeOrderedIdFromBeforeTheWindowIsRefused) {
  RequestWindow<int> window(1, absl::Hours(1));
  const std::string old = MadeAt(kNow - absl::Seconds(1));
  window.Store(old, kContent, 1, kNow);
  window.Store("next", kContent, 1, kNow + absl::Seconds(1));
  const absl::Status status = window.Find(old, kContent, kNow + absl::Seconds(2)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(Metadata(status, "request_id"), old);
}

TEST(RequestWindowTest, TimeOrderedIdMadeSinceThenIsTaken) {
  RequestWindow<int> window(1, absl::Hours(1));
  for (const char* id : {"a", "b"}) window.Store(id, kContent, 1, kNow);
  EXPECT_TRUE(window.Find(MadeAt(kNow + absl::Seconds(1)), kContent, kNow).ok());
}

// Otherwise it would be taken as made since then, and applied twice.
TEST(RequestWindowTest, ForgottenIdOfAClockThatRunsAheadIsRefused) {
  RequestWindow<int> window(1, absl::Hours(1));
  const std::string ahead = MadeAt(kNow + absl::Minutes(9));
  ASSERT_TRUE(window.Find(ahead, kContent, kNow).ok());
  window.Store(ahead, kContent, 1, kNow);
  window.Store("next", kContent, 1, kNow + absl::Seconds(1));
  EXPECT_EQ(window.forgotten_until(), kNow + absl::Minutes(9));
  const absl::Status status = window.Find(ahead, kContent, kNow + absl::Seconds(2)).status();
  EXPECT_EQ(Reason(status), "REQUEST_ID_EXPIRED");
}

TEST(RequestWindowTest, NewTimeOrderedIdTooFarAheadIsRefused) {
  RequestWindow<int> window(10, absl::Hours(1));
  EXPECT_TRUE(window.Find(MadeAt(kNow + kMaxRequestIdLead), kContent, kNow).ok());
  const std::string ahead = MadeAt(kNow + kMaxRequestIdLead + absl::Milliseconds(1));
  const absl::Status status = window.Find(ahead, kContent, kNow).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), "INVALID_FIELD");
  const std::vector<engine::FieldViolation> fields = engine::GetErrorDetail(status).violations;
  ASSERT_EQ(fields.size(), 1);
  EXPECT_EQ(fields[0].field, "request_id");
  EXPECT_NE(status.message().find("'" + ahead + "'; was made at 2023-11-14T22:23:20.001"),
            absl::string_view::npos)
      << status;
  EXPECT_NE(status.message().find("must be no later than 2023-11-14T22:23:20+00:00"),
            absl::string_view::npos)
      << status;
}

TEST(RequestWindowTest, IdThatIsRememberedIsFoundHoweverFarAhead) {
  RequestWindow<int> window(10, absl::Hours(1));
  const std::string ahead = MadeAt(kNow + absl::Hours(24 * 365));
  window.Store(ahead, kContent, 5, kNow);
  EXPECT_EQ(**window.Find(ahead, kContent, kNow), 5);
}

// An earlier release took it.
TEST(RequestWindowTest, ForgottenIdYearsAheadKeepsNobodyOut) {
  RequestWindow<int> window(1, absl::Hours(1));
  const std::string ahead = MadeAt(kNow + absl::Hours(24 * 365));
  window.Store(ahead, kContent, 1, kNow);
  window.Store("next", kContent, 1, kNow);
  const absl::Time later = kNow + kMaxRequestIdLead + absl::Seconds(1);
  EXPECT_TRUE(window.Find(MadeAt(later), kContent, later).ok());
  EXPECT_EQ(window.Find(ahead, kContent, later).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RequestWindowTest, TimeOrderedIdOfAnyAgeIsTakenWhileNothingWasForgotten) {
  RequestWindow<int> window(10, absl::Hours(1));
  window.Store("a", kContent, 1, kNow);
  EXPECT_TRUE(window.Find(MadeAt(kNow - absl::Hours(48)), kContent, kNow).ok());
}

// Numbers from 100 are large, and take so many bytes.
constexpr OutcomeSize<int> kSize = {
    [](const int& outcome) -> int64_t { return outcome; },
    [](const int& outcome) { return outcome >= 100; },
    [](absl::string_view id) { return static_cast<int>(id.size()); },
};

TEST(RequestWindowTest, NewestTwoLargeOutcomesStayWhole) {
  RequestWindow<int> window(10, absl::Hours(1), kSize);
  for (const char* id : {"a", "b", "small", "c"}) {
    window.Store(id, kContent, id == std::string("small") ? 5 : 1'000, kNow);
  }
  EXPECT_EQ(**window.Find("a", kContent, kNow), 1);
  EXPECT_EQ(**window.Find("b", kContent, kNow), 1'000);
  EXPECT_EQ(**window.Find("c", kContent, kNow), 1'000);
  EXPECT_EQ(**window.Find("small", kContent, kNow), 5);
  EXPECT_EQ(window.Find("a", kOther, kNow).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST(RequestWindowTest, LargeOutcomeThatIsReplacedOrForgottenCountsNoMore) {
  RequestWindow<int> window(3, absl::Hours(1), kSize);
  for (const char* id : {"a", "b", "b", "b"}) window.Store(id, kContent, 1'000, kNow);
  EXPECT_EQ(**window.Find("a", kContent, kNow), 1'000);
  window.Store("b", kContent, 5, kNow);  // it ended
  window.Store("c", kContent, 1'000, kNow);
  EXPECT_EQ(**window.Find("a", kContent, kNow), 1'000);
  window.Store("d", kContent, 5, kNow);  // forgets a
  window.Store("e", kContent, 1'000, kNow);
  EXPECT_EQ(**window.Find("c", kContent, kNow), 1'000);
}

TEST(RequestWindowTest, BytesAreThoseOfWhatIsRemembered) {
  RequestWindow<int> window(3, absl::Hours(1), kSize);
  for (int i = 0; i < 20; ++i) window.Store(std::to_string(i), kContent, 1'000 * (i % 3), kNow);
  int64_t outcomes = 0;
  window.ForEach([&](const std::string&, const ContentDigest&, absl::Time, int outcome) {
    outcomes += outcome;
  });
  RequestWindow<int> empty(3, absl::Hours(1), kSize);
  for (const char* id : {"17", "18", "19"}) empty.Store(id, kContent, 0, kNow);
  EXPECT_EQ(window.bytes() - outcomes, empty.bytes());
}

}  // namespace
}  // namespace chainrule::server
