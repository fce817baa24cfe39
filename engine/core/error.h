// What an error tells beside its code and message, carried as payloads of an
// absl::Status so that no layer below the RPCs needs to know how it travels.
// server/rpc turns it into google.rpc details.
#ifndef CHAINRULE_ENGINE_CORE_ERROR_H_
#define CHAINRULE_ENGINE_CORE_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chainrule::engine {

// One bad field of a request, such as {"examples.inputs.shape[1]", "5; model 'iris'
// expects 4"}.
struct FieldViolation {
  std::string field;
  std::string description;
};

// Reasons are the names of the proto's ErrorReason without its prefix.
struct ErrorDetail {
  std::string reason;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<FieldViolation> violations;
  int64_t more_violations = 0;  // beyond these, counted only
  std::string resource_type;    // such as "chainrule.v1.Model"; with resource_name
  std::string resource_name;
  std::optional<absl::Duration> retry_after;
};

absl::Status MakeError(absl::StatusCode code, absl::string_view message, const ErrorDetail& detail);
// What MakeError put there; empty for a status made otherwise.
ErrorDetail GetErrorDetail(const absl::Status& status);

// INVALID_ARGUMENT, reason INVALID_FIELD, message "field: description".
absl::Status InvalidField(absl::string_view field, absl::string_view description);
// The same of several: the message is the first one's, and how many more there are.
absl::Status InvalidFields(std::vector<FieldViolation> violations);
// INVALID_ARGUMENT, reason LIMIT_EXCEEDED: "field: VALUE exceeds LIMIT of MAXIMUM".
absl::Status LimitExceeded(absl::string_view field, absl::string_view limit, int64_t value,
                           int64_t maximum);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_ERROR_H_
