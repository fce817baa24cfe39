#include "server/store/errors.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/core/error.h"

namespace chainrule::server {

absl::Status StorageFailed(absl::string_view why) {
  engine::ErrorDetail detail;
  detail.reason = "STORAGE_FAILED";
  detail.retry_after = absl::Seconds(1);
  return engine::MakeError(absl::StatusCode::kUnavailable, absl::StrCat("storage failed: ", why),
                           detail);
}

absl::Status StorageDamaged(absl::string_view file, absl::string_view what) {
  engine::ErrorDetail detail;
  detail.reason = "MODEL_DAMAGED";
  return engine::MakeError(absl::StatusCode::kDataLoss, absl::StrCat(file, ": ", what), detail);
}

}  // namespace chainrule::server
