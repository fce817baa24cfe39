#include "engine/train/divergence.h"

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"

namespace chainrule::engine {

absl::Status Diverged(absl::string_view what, int64_t step, int64_t steps_taken) {
  ErrorDetail detail;
  detail.reason = "DIVERGED";
  detail.metadata = {{"model_step", absl::StrCat(step)},
                     {"steps_taken", absl::StrCat(steps_taken)}};
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("training diverged: ", what, " is not finite; the model stays at step ", step),
      detail);
}

}  // namespace chainrule::engine
