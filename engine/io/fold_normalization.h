// Folding: a network that standardises, written as one that does not.
//   features: W·(x − mean)/scale + b = (W/scale)·x + (b − W·(mean/scale))
//   targets:  (W·a + b)·scale + mean = (scale·W)·a + (scale·b + mean), row by row, which
//             holds where the last layer is IDENTITY only
// Thread-safe: a function of its arguments.
#ifndef CHAINRULE_ENGINE_IO_FOLD_NORMALIZATION_H_
#define CHAINRULE_ENGINE_IO_FOLD_NORMALIZATION_H_

#include "absl/status/statusor.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

// The state with other parameters and no normalisation, its optimizer's state zero. Sums
// are taken in float64. INVALID_ARGUMENT: targets are standardised and the last layer is
// not IDENTITY.
absl::StatusOr<ModelState> FoldNormalization(const Network& network, const ModelState& state);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_IO_FOLD_NORMALIZATION_H_
