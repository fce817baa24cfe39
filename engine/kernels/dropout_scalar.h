// The naive twins of dropout.h. Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_DROPOUT_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_DROPOUT_SCALAR_H_

#include <cstdint>

#include "engine/core/matrix.h"
#include "engine/kernels/dropout.h"

namespace chainrule::engine::scalar {

void DropoutMask(const DropoutLayer& layer, int64_t row, int64_t unit, MatrixView mask);
void Multiply(ConstMatrixView a, ConstMatrixView b, MatrixView product);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_DROPOUT_SCALAR_H_
