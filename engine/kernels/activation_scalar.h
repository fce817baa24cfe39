// The naive twins of activation.h: plain loops over std:: functions in double,
// rounded once at the end.  AddBiasActivate adds the bias in float, as the kernel
// does.  Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_ACTIVATION_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_ACTIVATION_SCALAR_H_

#include <span>

#include "engine/core/matrix.h"
#include "engine/kernels/activation.h"

namespace chainrule::engine::scalar {

// f(z) and f'(z). Requires another activation than SOFTMAX.
double ActivationValue(ActivationFunction function, double z);
double ActivationDerivative(ActivationFunction function, double z);

// a ← e^z / Σ e^z. Both of one length; a may be z.
void Softmax(std::span<const double> z, std::span<double> a);

void AddBiasActivate(ActivationFunction function, std::span<const float> bias, MatrixView z,
                     MatrixView a);
// Always from z, so that the kernel's forms in a are compared with something else.
void MultiplyByDerivative(ActivationFunction function, ConstMatrixView z, MatrixView da);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_ACTIVATION_SCALAR_H_
