// The optimizers' updates of a run of parameters: one SIMD pass that reads the
// old parameters, the gradient and the old state and writes the new ones out of
// place, with scalar twins in update_scalar.h.  With g the gradient, clipped, and
// η the learning rate; forms and defaults are PyTorch's (torch.optim):
//   SGD      v ← μ·v + g;  w ← w − η·v          (Nesterov: w − η·(g + μ·v)); no v if μ = 0
//   ADAM     m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;
//            w ← w − η·(m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + ε)
//   ADAMW    w ← w − η·λ·w first, then as ADAM
//   RMSPROP  v ← ρ·v + (1−ρ)g²;  w ← w − η·g/(√v + ε)
//            (with μ: b ← μ·b + g/(√v + ε);  w ← w − η·b)
//   ADAGRAD  v ← v + g²;         w ← w − η·g/(√v + ε)
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_UPDATE_H_
#define CHAINRULE_ENGINE_KERNELS_UPDATE_H_

#include <cstdint>
#include <limits>
#include <span>

namespace chainrule::engine {

enum class OptimizerKind : uint8_t { kSgd, kAdam, kAdamW, kRmsProp, kAdagrad };

// One step's numbers. What `kind` does not use is not looked at.
struct UpdateRule {
  OptimizerKind kind = OptimizerKind::kSgd;
  float learning_rate = 0.1F;  // η of this step
  float momentum = 0.0F;       // μ: SGD, RMSPROP
  bool nesterov = false;
  // In double, because 1 − 0.999F is 1.3e-5 off 0.001.
  double beta1 = 0.9;
  double beta2 = 0.999;
  double rho = 0.99;
  float epsilon = 1e-8F;
  // 1/(1−β₁ᵗ) and 1/(1−β₂ᵗ), computed in double by the caller.
  float bias_correction1 = 1.0F;
  float bias_correction2 = 1.0F;
  // Weight decay λ, on weights and not on biases. Decoupled, as ADAMW's, whatever
  // the kind: w ← w − η·λ·w before the step, so that one word has one meaning.
  float weight_decay = 0.0F;
  // The gradient is multiplied by gradient_scale (global norm), then each element
  // is clamped to ±clip_value.
  float gradient_scale = 1.0F;
  float clip_value = std::numeric_limits<float>::infinity();
  // The new parameters are more than the caches hold, so that to keep them there would only
  // drive out what is needed before they are. Decides no bits.
  bool past_cache = false;
};

// How many state arrays of the parameters' size the rule keeps: 0, 1 or 2.
// SGD with μ > 0: v. ADAM, ADAMW: m, v. RMSPROP: v (and the buffer if μ > 0). ADAGRAD: v.
int StateArrays(OptimizerKind kind, float momentum);

// Old state in, new state out; arrays beyond StateArrays are empty.
struct UpdateState {
  std::span<const float> in[2];
  std::span<float> out[2];
};

// Writes new_parameters and state.out. Returns whether every number written is
// finite; if not, the outputs are complete but worthless, the inputs untouched.
// `decay`: whether weight_decay acts on this run (false for biases).
// All spans have one length; an output may be its input. An element's results depend
// on its own numbers alone, so a block may be updated in pieces of any size.
bool UpdateParameters(const UpdateRule& rule, bool decay, std::span<const float> parameters,
                      std::span<const float> gradient, UpdateState state,
                      std::span<float> new_parameters);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_UPDATE_H_
