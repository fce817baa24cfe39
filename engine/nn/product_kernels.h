// Which kernels multiply a layer's matrices in training; null: sgemm. They decide bits:
// functions of the products' shapes and of the SIMD target's kind alone.  X: [batch × inputs], W:
// [units × inputs].
#ifndef CHAINRULE_ENGINE_NN_PRODUCT_KERNELS_H_
#define CHAINRULE_ENGINE_NN_PRODUCT_KERNELS_H_

#include <cstdint>

#include "engine/blas/parallel_gemm.h"

namespace chainrule::engine {

TileKernel ForwardKernel(int64_t batch, int64_t units, int64_t inputs);         // X·Wᵀ
TileKernel InputGradientKernel(int64_t batch, int64_t units, int64_t inputs);   // dZ·W
TileKernel WeightGradientKernel(int64_t batch, int64_t units, int64_t inputs);  // dZᵀ·X

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_PRODUCT_KERNELS_H_
