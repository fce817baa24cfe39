// Activations and losses in float64, by their definitions (kernels/activation.h,
// kernels/loss.h have the formulas).  Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_NN_REFERENCE_FUNCTIONS_H_
#define CHAINRULE_ENGINE_NN_REFERENCE_FUNCTIONS_H_

#include <span>

#include "engine/kernels/activation.h"
#include "engine/kernels/loss.h"

namespace chainrule::engine {

// f(z) of one unit. `above`: the side of 0 on which RELU and LEAKY_RELU take z to be.
// Requires another activation than SOFTMAX.
double ReferenceActivation(ActivationFunction function, double z, bool above);

// a ← softmax(z).
void ReferenceSoftmax(std::span<const double> z, std::span<double> a);

// One example's loss.
double ReferenceLoss(LossFunction function, std::span<const double> z, std::span<const double> a,
                     std::span<const double> y);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_REFERENCE_FUNCTIONS_H_
