// Which kernel multiplies a layer's inputs with its weights in training.
#ifndef CHAINRULE_ENGINE_NN_FORWARD_KERNEL_H_
#define CHAINRULE_ENGINE_NN_FORWARD_KERNEL_H_

#include <cstdint>

#include "engine/blas/parallel_gemm.h"

namespace chainrule::engine {

// For X·Wᵀ with X: [rows × inputs], W: [units × inputs]; null: sgemm. Decides bits: a
// function of the product's shape alone.
TileKernel ForwardKernel(int64_t rows, int64_t units, int64_t inputs);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_FORWARD_KERNEL_H_
