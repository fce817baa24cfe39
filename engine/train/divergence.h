// Diverged: a step that was not taken, because something of it was not finite.
#ifndef CHAINRULE_ENGINE_TRAIN_DIVERGENCE_H_
#define CHAINRULE_ENGINE_TRAIN_DIVERGENCE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace chainrule::engine {

// FAILED_PRECONDITION, DIVERGED. `what` is not finite; `step`: where the model stays;
// `steps_taken`: of this call.
absl::Status Diverged(absl::string_view what, int64_t step, int64_t steps_taken);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_DIVERGENCE_H_
