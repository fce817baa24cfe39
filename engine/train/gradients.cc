#include "engine/train/gradients.h"
namespace chainrule::engine {
absl::StatusOr<GradientSummary> ComputeGradients(const Network&, const ModelState&, const Examples&,
                                                 const GradientOutputs&, const Executor&,
                                                 const Cancellation&) {
  return absl::UnimplementedError("ComputeGradients");
}
}  // namespace chainrule::engine
