#include "engine/train/evaluation.h"
namespace chainrule::engine {
absl::StatusOr<Evaluation> Evaluate(const Network&, const Predictor&, const Normalization&,
                                    const Examples&, double, const Executor&, const Cancellation&) {
  return absl::UnimplementedError("Evaluate");
}
}  // namespace chainrule::engine
