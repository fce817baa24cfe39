#include "server/convert/model_format.h"

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/violations.h"

namespace chainrule::server {

absl::Status CheckModelFormat(v1::ModelFormat format, absl::string_view field) {
  switch (format) {
    case v1::MODEL_FORMAT_UNSPECIFIED:
    case v1::MODEL_FORMAT_SAFETENSORS:
      return absl::OkStatus();
    default:
      return engine::InvalidField(field, UnknownEnum(format, *v1::ModelFormat_descriptor()));
  }
}

absl::Status InvalidFile(absl::string_view what) {
  engine::ErrorDetail detail;
  detail.reason = "INVALID_FILE";
  return engine::MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat("file: ", what),
                           detail);
}

}  // namespace chainrule::server
