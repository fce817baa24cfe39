// A step on gradients that were computed elsewhere: their mean, then what a Trainer does
// with a mini-batch's gradient.
// Thread-safe: functions of their arguments; the passes use the executor.
#ifndef CHAINRULE_ENGINE_TRAIN_APPLY_GRADIENTS_H_
#define CHAINRULE_ENGINE_TRAIN_APPLY_GRADIENTS_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/executor.h"
#include "engine/nn/layer_tensors.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

// One worker's gradient. A tensor that is absent is zero.
struct GradientContribution {
  std::vector<LayerTensors> layers;  // each of the network's at most once
  double weight = 1;                 // finite, above 0
};

// mean ← Σ w·g / Σ w, each element summed in double in the contributions' order, so that
// one contribution alone comes out as it went in. `mean`: a zeroed block of the network.
// Tensors that no contribution has stay as they are.
void MeanGradient(const Network& network, std::span<const GradientContribution> contributions,
                  const Executor& executor, std::span<float> mean);

// The state after one optimizer step from `state` on `gradient`, a block of the network
// without penalties: they are added here, and rate, clipping and guard are a Trainer's.
// FAILED_PRECONDITION, DIVERGED.
absl::StatusOr<ModelState> ApplyGradient(const Network& network, const ModelState& state,
                                         std::span<const float> gradient, const Executor& executor);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_APPLY_GRADIENTS_H_
