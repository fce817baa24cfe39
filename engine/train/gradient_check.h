// CheckGradients: back-propagation against central differences in float64.
#ifndef CHAINRULE_ENGINE_TRAIN_GRADIENT_CHECK_H_
#define CHAINRULE_ENGINE_TRAIN_GRADIENT_CHECK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/nn/network.h"
#include "engine/train/examples.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

struct CheckedParameter {
  int64_t layer = 0;
  bool bias = false;
  int64_t row = 0;                // unit
  int64_t column = 0;             // input; 0 for a bias
  double gradient = 0;            // back-propagation, float32
  double central_difference = 0;  // (C(θ+h) − C(θ−h)) / 2h in float64
  double relative_error = 0;
};

struct GradientCheck {
  double max_relative_error = 0;
  CheckedParameter worst;
  int64_t checked = 0;
};

// Compares `samples` parameters drawn by the model's seed, spread evenly over the
// weights and biases of all layers (all parameters if there are no more). The relative
// error of a parameter is |gradient − central difference| divided by the largest
// gradient of its tensor (weights or bias of its layer), as the largest difference over
// the largest entry is how tensors are compared. Penalties are included; at the kink of
// RELU and LEAKY_RELU the difference is of the side that the engine stands on
// (nn/reference.h). Costs two passes in float64 over the layers behind each parameter.
// CANCELLED, DEADLINE_EXCEEDED and so on, as Cancellation::Check.
absl::StatusOr<GradientCheck> CheckGradients(const Network& network, const ModelState& state,
                                             const Examples& examples, int64_t samples,
                                             const Executor& executor,
                                             const Cancellation& cancellation);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_GRADIENT_CHECK_H_
