// Activations and their derivatives, one SIMD pass each, with scalar twins in
// activation_scalar.h.  The derivative follows its function; the formulas:
//   SIGMOID     a = 1/(1+e^(−z))            a' = a·(1−a)
//   TANH        a = tanh z                  a' = 1−a²
//   RELU        a = max(z, 0)               a' = [z > 0]
//   LEAKY_RELU  a = z > 0 ? z : slope·z     a' = z > 0 ? 1 : slope
//   GELU        a = z·Φ(z), Φ by erf        a' = Φ(z) + z·φ(z)
//   SOFTPLUS    a = ln(1+e^z)               a' = 1/(1+e^(−z))
//   IDENTITY    a = z                       a' = 1
//   SOFTMAX     a = e^z / Σ_row e^z         only with its loss, which cancels it
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_ACTIVATION_H_
#define CHAINRULE_ENGINE_KERNELS_ACTIVATION_H_

#include <cstdint>
#include <span>

#include "engine/core/matrix.h"

namespace chainrule::engine {

enum class Activation : uint8_t {
  kSigmoid,
  kTanh,
  kRelu,
  kLeakyRelu,
  kGelu,
  kSoftplus,
  kIdentity,
  kSoftmax,
};

// An activation and what it takes.
struct ActivationFunction {
  Activation kind = Activation::kSigmoid;
  float slope = 0.01F;  // LEAKY_RELU's, for z ≤ 0; not negative
};

// Whether MultiplyByDerivative reads z; the others are functions of a.
bool DerivativeNeedsZ(Activation activation);

// z ← z + bias (a row), then a ← f(z).  z, a: [rows × units]; `a` may be `z`
// itself, which then holds the activations.  bias may be empty.
// An element's result depends on its own z alone (SOFTMAX: on its row), not on
// where it stands, so tiles may be done in any order and size.
void AddBiasActivate(ActivationFunction function, std::span<const float> bias, MatrixView z,
                     MatrixView a);

// dz ← da ∘ f'(z), in place.  a, z, da: [rows × units]; `z` is looked at only if
// DerivativeNeedsZ.  Requires another activation than SOFTMAX.
void MultiplyByDerivative(ActivationFunction function, ConstMatrixView a, ConstMatrixView z,
                          MatrixView da);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_ACTIVATION_H_
