// What exports and imports share.
#ifndef CHAINRULE_SERVER_CONVERT_MODEL_FORMAT_H_
#define CHAINRULE_SERVER_CONVERT_MODEL_FORMAT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/model_service.pb.h"

namespace chainrule::server {

// Where a file's metadata have the spec, as JSON.
inline constexpr char kSpecKey[] = "chainrule.spec";

// INVALID_FIELD: not a format that this server knows.
absl::Status CheckModelFormat(v1::ModelFormat format, absl::string_view field);

// INVALID_ARGUMENT, INVALID_FILE.
absl::Status InvalidFile(absl::string_view what);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_MODEL_FORMAT_H_
