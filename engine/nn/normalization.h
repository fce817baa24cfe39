// Standardizer: x' = (x − mean)/scale, column by column, and its inverse.
// Normalization: one for the features and, for regression, one for the targets.
// Thread-compatible.
#ifndef CHAINRULE_ENGINE_NN_NORMALIZATION_H_
#define CHAINRULE_ENGINE_NN_NORMALIZATION_H_

#include <vector>

#include "engine/core/matrix.h"

namespace chainrule::engine {

struct Standardizer {
  std::vector<float> mean;   // [columns], or empty: the identity
  std::vector<float> scale;  // [columns], each above 0

  bool empty() const { return mean.empty(); }
  void Apply(MatrixView x) const;    // x ← (x − mean)/scale
  void Invert(MatrixView x) const;   // x ← x·scale + mean
  void Unscale(MatrixView d) const;  // d ← d/scale: from ∂/∂x' to ∂/∂x
};

struct Normalization {
  Standardizer inputs;
  Standardizer targets;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_NORMALIZATION_H_
