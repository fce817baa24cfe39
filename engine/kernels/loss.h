// Losses fused with their gradient, one SIMD pass, with scalar twins in
// loss_scalar.h.  Of one example with outputs a = f(z) and targets y:
//   BINARY_CROSS_ENTROPY       Σ −(y·ln a + (1−y)·ln(1−a)), a = σ(z):
//                              = Σ max(z,0) − z·y + ln(1+e^(−|z|))      dz = a − y
//   CATEGORICAL_CROSS_ENTROPY  −Σ y·ln a, a = softmax(z):
//                              = Σ y·(ln Σ e^z − z)                     dz = a·Σy − y
//   (both dz without the difference of two numbers close to 1: a confident network's is small)
//   MEAN_SQUARED_ERROR         Σ (a−y)²                                 da = 2·(a−y)
//   HUBER                      Σ |e| ≤ δ ? ½·e² : δ·(|e|−½·δ), e = a−y  da = clamp(e, ±δ)
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_LOSS_H_
#define CHAINRULE_ENGINE_KERNELS_LOSS_H_

#include <cstdint>
#include <span>

#include "engine/core/matrix.h"

namespace chainrule::engine {

enum class Loss : uint8_t {
  kBinaryCrossEntropy,
  kCategoricalCrossEntropy,
  kMeanSquaredError,
  kHuber,
};

struct LossFunction {
  Loss kind = Loss::kBinaryCrossEntropy;
  float huber_delta = 1.0F;
};

// Whether the gradient that LossAndGradient writes is already ∂/∂z: the
// cross-entropies, whose activation cancels.
bool GradientIsByZ(Loss loss);

// row_loss[i] ← example i's own loss; gradient row i ← its derivative by z
// (GradientIsByZ) or by a.  No weight, no 1/m.  All matrices [rows × outputs];
// `gradient` may be empty (data null): then only the losses are computed.
// A row's results do not depend on the other rows.
void LossAndGradient(LossFunction function, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                     std::span<double> row_loss, MatrixView gradient);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_LOSS_H_
