#include "tests/support/error_details.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace chainrule::test {
namespace {

void Unpack(const google::protobuf::Any& any, ErrorDetails* details) {
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad;
  google::rpc::RetryInfo retry;
  google::rpc::ResourceInfo resource;
  if (any.UnpackTo(&info)) {
    details->domain = info.domain();
    details->reason = info.reason();
    details->metadata = {info.metadata().begin(), info.metadata().end()};
  } else if (any.UnpackTo(&bad)) {
    for (const auto& violation : bad.field_violations()) {
      details->violations.emplace_back(violation.field(), violation.description());
    }
  } else if (any.UnpackTo(&retry)) {
    details->retry_delay = absl::Seconds(retry.retry_delay().seconds()) +
                           absl::Nanoseconds(retry.retry_delay().nanos());
  } else if (any.UnpackTo(&resource)) {
    details->resource_type = resource.resource_type();
    details->resource_name = resource.resource_name();
  } else {
    ADD_FAILURE() << "an unknown detail: " << any.type_url();
  }
}

}  // namespace

ErrorDetails DetailsOf(const grpc::Status& status) {
  ErrorDetails details;
  details.code = status.error_code();
  details.message = status.error_message();
  if (status.error_details().empty()) return details;
  google::rpc::Status rich;
  EXPECT_TRUE(rich.ParseFromString(status.error_details()));
  EXPECT_EQ(rich.code(), status.error_code());
  EXPECT_EQ(rich.message(), status.error_message());
  EXPECT_LT(status.error_details().size() + status.error_message().size(), 4096u);
  for (const google::protobuf::Any& any : rich.details()) Unpack(any, &details);
  return details;
}

bool SaysValueAndAllowed(const std::string& description, const std::string& said) {
  constexpr absl::string_view kBetween = "; ";
  if (absl::StrContains(said, kBetween)) return absl::StartsWith(description, said);
  const std::string value = absl::StrCat(said, kBetween);
  return absl::StartsWith(description, value) && description.size() > value.size();
}

void PrintTo(const ErrorDetails& details, std::ostream* out) {
  *out << details.code << " " << details.reason << ": " << details.message;
  for (const auto& [field, description] : details.violations) {
    *out << "\n  " << field << " → " << description;
  }
}

}  // namespace chainrule::test
