// Products whose right side has its rows along the outputs' rows, of matrices as they lie,
// without packing: for a right side that a second-level cache holds.
//   A: [rows × inner], or turned: [inner × rows]   B: [inner × columns]   C: [rows × columns]
// Each output is one chain of fused multiply-adds over `inner`, in order, which does not
// depend on the outputs beside it; then c ← alpha·sum + beta·c, where beta 0 reads no c.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_DIRECT_PRODUCT_H_
#define CHAINRULE_ENGINE_KERNELS_DIRECT_PRODUCT_H_

#include "engine/core/matrix.h"

namespace chainrule::engine {

// c ← alpha·a·b + beta·c
void DirectProduct(float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c);
// c ← alpha·aᵀ·b + beta·c
void DirectProductOfTurned(float alpha, ConstMatrixView a, ConstMatrixView b, float beta,
                           MatrixView c);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_DIRECT_PRODUCT_H_
