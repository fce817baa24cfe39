// ComputeGradients: forward and backward over labelled rows, changing nothing.
#ifndef CHAINRULE_ENGINE_TRAIN_GRADIENTS_H_
#define CHAINRULE_ENGINE_TRAIN_GRADIENTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/nn/network.h"
#include "engine/train/examples.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

// Where the results go; what has null data is not computed. The caller owns the
// memory, so a reply's floats are written once, in place; views may have any stride
// and no more alignment than a float's.
struct GradientOutputs {
  struct Layer {
    // Of the batch's loss, weighted mean, penalties included.
    MatrixView weights;     // [units × inputs]
    std::span<float> bias;  // [units]
    // Of each example's own loss: no weight, no 1/m. [rows × units] In the network's
    // own units: of standardised inputs and targets.
    MatrixView z, a, dz, da;
  };
  std::vector<Layer> layers;  // as many as the network has
  MatrixView inputs;          // ∂loss_i/∂x_i by the inputs as sent, [rows × input_width]
  std::span<double> example_norms;  // ‖∂loss_i/∂θ‖₂ over all parameters, without penalties, [rows]
};

struct GradientSummary {
  double loss = 0;  // Σ wᵢ·lossᵢ / Σ wᵢ
  double penalty = 0;
  double weight_sum = 0;  // Σ wᵢ; rows where no weights were given
};

// Requires examples.rows() > 0 and outputs of the right shapes. Rows go in blocks
// of at most 4,096, accumulating in order. What belongs to one example depends on no
// other row but for rounding: the products' last bits may differ with the batch that
// the row is in (about 1e-6 of the largest entry). `da` of the last layer is ∂loss/∂a;
// for the cross-entropies it is computed from z, without dividing by a·(1−a), and held
// to ±FLT_MAX. Dropout does not act.
// CANCELLED, DEADLINE_EXCEEDED and so on, as Cancellation::Check.
absl::StatusOr<GradientSummary> ComputeGradients(const Network& network, const ModelState& state,
                                                 const Examples& examples,
                                                 const GradientOutputs& outputs,
                                                 const Executor& executor,
                                                 const Cancellation& cancellation);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_GRADIENTS_H_
