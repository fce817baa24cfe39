// DotProducts: X·Wᵀ of matrices as they lie, without packing: for products with few rows,
// in which packing is a large part of the work.
//   X: [rows × inputs]   W: [units × inputs]   Z: [rows × units]
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_DOT_PRODUCTS_H_
#define CHAINRULE_ENGINE_KERNELS_DOT_PRODUCTS_H_

#include "engine/core/matrix.h"

namespace chainrule::engine {

// z ← x·wᵀ. Each output is summed over the inputs in as many chains of fused multiply-adds
// as the SIMD target has lanes, whose sums are added in a fixed order: bits depend on the
// target and on nothing beside the output's own row and unit.
void DotProducts(ConstMatrixView x, ConstMatrixView w, MatrixView z);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_DOT_PRODUCTS_H_
