// What a status says, taken apart as a client would.
#ifndef CHAINRULE_TESTS_SUPPORT_ERROR_DETAILS_H_
#define CHAINRULE_TESTS_SUPPORT_ERROR_DETAILS_H_

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace chainrule::test {

struct ErrorDetails {
  grpc::StatusCode code = grpc::OK;
  std::string message;
  std::string domain;
  std::string reason;
  std::map<std::string, std::string> metadata;
  std::vector<std::pair<std::string, std::string>> violations;  // field, description
  std::optional<absl::Duration> retry_delay;
  std::string resource_type;
  std::string resource_name;
};

// Fails the test if the details are not a google.rpc.Status that agrees with the code.
ErrorDetails DetailsOf(const grpc::Status& status);

void PrintTo(const ErrorDetails& details, std::ostream* out);

// A status of this code and reason, of the domain "chainrule".
MATCHER_P2(IsError, code, reason, "") {
  const ErrorDetails details = DetailsOf(arg);
  *result_listener << "which says " << details.message << " (" << details.reason << ")";
  return details.code == code && details.reason == reason && details.domain == "chainrule";
}

// Whether a description is "VALUE; ALLOWED": `said` is the VALUE, whole, or it and the beginning
// of what is allowed.
bool SaysValueAndAllowed(const std::string& description, const std::string& said);

// INVALID_ARGUMENT, INVALID_FIELD, with a violation of `field` whose description says so.
MATCHER_P2(IsBadField, field, said, "") {
  const ErrorDetails details = DetailsOf(arg);
  *result_listener << "which says " << details.message;
  if (details.code != grpc::INVALID_ARGUMENT || details.reason != "INVALID_FIELD") return false;
  for (const auto& [path, description] : details.violations) {
    *result_listener << "; " << path << " → " << description;
    if (path == field && SaysValueAndAllowed(description, said)) return true;
  }
  return false;
}

MATCHER(IsOk, "") {
  *result_listener << arg.error_code() << ": " << arg.error_message();
  return arg.ok();
}

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_ERROR_DETAILS_H_
