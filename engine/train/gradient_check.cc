#include "engine/train/gradient_check.h"
namespace chainrule::engine {
absl::StatusOr<GradientCheck> CheckGradients(const Network&, const ModelState&, const Examples&,
                                             int64_t, const Executor&, const Cancellation&) {
  return absl::UnimplementedError("CheckGradients");
}
}  // namespace chainrule::engine
