// Dropout, inverted: while training, an activation is dropped with probability p and
// otherwise multiplied by 1/(1−p), so that its expectation stays what it was and
// prediction needs nothing (N. Srivastava et al., JMLR 15, 2014).
//   mask(i, j) = u < p ? 0 : 1/(1−p),  u uniform in [0, 1)
// A mask is a function of (seed, step, layer, row, unit) alone, so it is the same
// whichever tile it is made in and whichever block of rows the row came in.
// One SIMD pass each, with scalar twins in dropout_scalar.h that agree to the bit.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_DROPOUT_H_
#define CHAINRULE_ENGINE_KERNELS_DROPOUT_H_

#include <cstdint>

#include "engine/core/matrix.h"
#include "engine/core/random.h"

namespace chainrule::engine {

// Which numbers of the stream (purpose kDropout, step: the optimizer step) a layer
// takes: element (row, unit) takes number layer·2⁴⁸ + row·(units rounded up to a
// multiple of 4) + unit, rows counted in the whole mini-batch.
struct DropoutLayer {
  const RandomStream* stream = nullptr;
  int64_t layer = 0;
  int64_t units = 0;
  float probability = 0.0F;

  // Which number element (row, unit) takes.
  uint64_t IndexOf(int64_t row, int64_t unit) const;
};

// mask ← the masks of rows [row, …) and units [unit, …) of the layer.
void DropoutMask(const DropoutLayer& layer, int64_t row, int64_t unit, MatrixView mask);

// product ← a ∘ b, element by element; product may be a or b.
void Multiply(ConstMatrixView a, ConstMatrixView b, MatrixView product);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_DROPOUT_H_
