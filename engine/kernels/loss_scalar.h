// The naive twins of loss.h, in double.  Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_LOSS_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_LOSS_SCALAR_H_

#include <span>

#include "engine/core/matrix.h"
#include "engine/kernels/loss.h"

namespace chainrule::engine::scalar {

// One example's loss. z is looked at by the cross-entropies only, a by the others; so below.
double ExampleLoss(LossFunction function, std::span<const double> z, std::span<const double> a,
                   std::span<const double> y);

// gradient ← its derivative by z (GradientIsByZ) or by a. All of one length.
void ExampleGradient(LossFunction function, std::span<const double> z, std::span<const double> a,
                     std::span<const double> y, std::span<double> gradient);

void LossAndGradient(LossFunction function, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                     std::span<double> row_loss, MatrixView gradient);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_LOSS_SCALAR_H_
