#include "server/rpc/to_grpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "tests/support/error_details.h"

namespace chainrule::server {
namespace {

using test::DetailsOf;
using test::ErrorDetails;
using test::IsError;
using ::testing::HasSubstr;

absl::Status With(const engine::ErrorDetail& detail) {
  return engine::MakeError(absl::StatusCode::kInvalidArgument, "message", detail);
}

// What percent-encoding and base64 make of it at worst.
size_t EncodedBytes(const grpc::Status& status) {
  return 3 * status.error_message().size() + status.error_details().size() * 4 / 3;
}

TEST(ToGrpcStatusTest, OkHasNoDetails) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_EQ(ToGrpcStatus(absl::OkStatus()).error_details(), "");
}

TEST(ToGrpcStatusTest, EveryCodeHasAnErrorInfoOfOurDomain) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status =
        ToGrpcStatus(absl::Status(static_cast<absl::StatusCode>(code), "because"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    const ErrorDetails details = DetailsOf(status);
    EXPECT_EQ(details.domain, "chainrule") << code;
    EXPECT_NE(details.reason, "") << code;
    EXPECT_EQ(details.message, "because");
  }
}

TEST(ToGrpcStatusTest, CarriesAllThatAnErrorTells) {
  engine::ErrorDetail detail;
  detail.reason = "OVERLOADED";
  detail.metadata = {{"limit", "max_queued_calls"}, {"maximum", "7"}};
  detail.violations = {{"a.b[1]", "5; must be 4"}, {"c", "unset"}};
  detail.resource_type = "chainrule.v1.Model";
  detail.resource_name = "models/iris";
  detail.retry_after = absl::Milliseconds(1500);
  const ErrorDetails details = DetailsOf(ToGrpcStatus(With(detail)));
  EXPECT_EQ(details.reason, "OVERLOADED");
  EXPECT_EQ(details.metadata.at("maximum"), "7");
  ASSERT_EQ(details.violations.size(), 2u);
  EXPECT_EQ(details.violations[0].first, "a.b[1]");
  EXPECT_EQ(details.violations[1].second, "unset");
  EXPECT_EQ(details.resource_name, "models/iris");
  EXPECT_EQ(details.resource_type, "chainrule.v1.Model");
  EXPECT_EQ(details.retry_delay, absl::Milliseconds(1500));
}

TEST(ToGrpcStatusTest, KeepsSixteenViolationsAndCountsTheRest) {
  engine::ErrorDetail detail;
  for (int i = 0; i < 100; ++i) detail.violations.push_back({absl::StrCat("f[", i, "]"), "bad"});
  const ErrorDetails details = DetailsOf(ToGrpcStatus(With(detail)));
  ASSERT_EQ(details.violations.size(), 17u);
  EXPECT_EQ(details.violations[15].first, "f[15]");
  EXPECT_EQ(details.violations[16].first, "");
  EXPECT_EQ(details.violations[16].second, "and 84 more");
  detail.violations.resize(16);
  detail.more_violations = 24;
  EXPECT_EQ(DetailsOf(ToGrpcStatus(With(detail))).violations.back().second, "and 24 more");
}

TEST(ToGrpcStatusTest, StaysBelowFourKibibytesWhateverIsInIt) {
  const std::string huge(100'000, 'x');
  engine::ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  for (int i = 0; i < 20; ++i) detail.violations.push_back({absl::StrCat(i, huge), huge});
  detail.metadata = {{"value", huge}};
  detail.resource_type = "chainrule.v1.Model";
  detail.resource_name = huge;
  const grpc::Status status =
      ToGrpcStatus(engine::MakeError(absl::StatusCode::kInvalidArgument, huge, detail));
  EXPECT_LT(status.error_message().size() + status.error_details().size() * 4 / 3, kMaxStatusBytes);
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, "INVALID_FIELD");
  EXPECT_THAT(details.violations.back().second, HasSubstr("more"));
}

TEST(ToGrpcStatusTest, CountsWhatPercentEncodingAdds) {
  std::string foreign;
  for (int i = 0; i < 1000; ++i) foreign += "ü";
  engine::ErrorDetail detail;
  for (int i = 0; i < 20; ++i) detail.violations.push_back({"field", foreign});
  const grpc::Status status =
      ToGrpcStatus(engine::MakeError(absl::StatusCode::kInvalidArgument, foreign, detail));
  EXPECT_LT(EncodedBytes(status), kMaxStatusBytes);
}

TEST(PrintableTest, CutsBetweenCharacters) {
  EXPECT_EQ(Printable("aü", 3), "aü");
  EXPECT_EQ(Printable("aü", 2), "a");
  EXPECT_EQ(Printable("a€", 3), "a");
  EXPECT_EQ(Printable("", 3), "");
}

TEST(PrintableTest, ReplacesWhatIsNoUtf8) {
  EXPECT_EQ(Printable("a\xFF z", 10), "a? z");
  EXPECT_EQ(Printable("\xC3", 10), "?");                 // cut short
  EXPECT_EQ(Printable("\xC0\xAF", 10), "??");            // overlong
  EXPECT_EQ(Printable("\xED\xA0\x80", 10), "???");       // a surrogate
  EXPECT_EQ(Printable("\xF4\x90\x80\x80", 10), "????");  // beyond Unicode
  EXPECT_EQ(Printable("\xF0\x9F\x98\x80", 10), "\xF0\x9F\x98\x80");
}

}  // namespace
}  // namespace chainrule::server
