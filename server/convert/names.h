// The names and ids that requests carry: `models/{id}`, `models/{id}@{revision}`,
// request ids.  `field` is the path of the field that is read, for the error.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_CONVERT_NAMES_H_
#define CHAINRULE_SERVER_CONVERT_NAMES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

// [a-z]([a-z0-9_-]{0,61}[a-z0-9])?
bool IsModelId(absl::string_view id);
absl::Status CheckModelId(absl::string_view id, absl::string_view field);

// "models/iris" of "iris".
std::string ModelName(absl::string_view id);

// `models/{id}`, or `models/{id}@{revision}` with a version number or an alias.
struct ModelReference {
  std::string id;
  std::string revision;  // empty: the live weights
};
// INVALID_FIELD: it is neither.
absl::StatusOr<ModelReference> ParseModelReference(absl::string_view name, absl::string_view field);

// A version's number or an alias.
absl::Status CheckRevision(absl::string_view revision, absl::string_view field);

// The id, where the live model is meant.  INVALID_FIELD for any revision.
absl::StatusOr<std::string> ParseLiveModel(absl::string_view name, absl::string_view field);

// A UUID of any version, in lower case; empty if it is empty.
absl::StatusOr<std::string> ParseRequestId(absl::string_view request_id,
                                           absl::string_view field = "request_id");

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_NAMES_H_
