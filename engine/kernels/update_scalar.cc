#include "engine/kernels/update_scalar.h"

#include <algorithm>
#include <cmath>

namespace chainrule::engine::scalar {
namespace {

// One element's numbers in double.
struct Element {
  double w, g, s, t;
};

// ← the decayed parameter and the clipped gradient; NaN stays NaN.
void Prepare(const UpdateRule& rule, bool decay, Element& e) {
  if (decay) {
    e.w -= static_cast<double>(rule.learning_rate) * static_cast<double>(rule.weight_decay) * e.w;
  }
  const auto clip = static_cast<double>(rule.clip_value);
  e.g *= static_cast<double>(rule.gradient_scale);
  if (std::abs(e.g) > clip) e.g = std::copysign(clip, e.g);
}

void StepSgd(const UpdateRule& rule, Element& e) {
  const auto mu = static_cast<double>(rule.momentum);
  e.s = mu * e.s + e.g;
  const double direction = mu != 0 && rule.nesterov ? e.g + mu * e.s : e.s;
  e.w -= static_cast<double>(rule.learning_rate) * direction;
}

void StepAdam(const UpdateRule& rule, Element& e) {
  e.s = rule.beta1 * e.s + (1 - rule.beta1) * e.g;
  e.t = rule.beta2 * e.t + (1 - rule.beta2) * e.g * e.g;
  const double m = e.s * static_cast<double>(rule.bias_correction1);
  const double v = e.t * static_cast<double>(rule.bias_correction2);
  e.w -= static_cast<double>(rule.learning_rate) * m /
         (std::sqrt(v) + static_cast<double>(rule.epsilon));
}

void StepRmsProp(const UpdateRule& rule, Element& e) {
  e.s = rule.rho * e.s + (1 - rule.rho) * e.g * e.g;
  const double normalized = e.g / (std::sqrt(e.s) + static_cast<double>(rule.epsilon));
  e.t = static_cast<double>(rule.momentum) * e.t + normalized;
  e.w -= static_cast<double>(rule.learning_rate) * e.t;
}

void StepAdagrad(const UpdateRule& rule, Element& e) {
  e.s += e.g * e.g;
  e.w -= static_cast<double>(rule.learning_rate) * e.g /
         (std::sqrt(e.s) + static_cast<double>(rule.epsilon));
}

void Step(const UpdateRule& rule, Element& e) {
  switch (rule.kind) {
    case OptimizerKind::kSgd:
      return StepSgd(rule, e);
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return StepAdam(rule, e);
    case OptimizerKind::kRmsProp:
      return StepRmsProp(rule, e);
    case OptimizerKind::kAdagrad:
      return StepAdagrad(rule, e);
  }
}

}  // namespace

bool UpdateParameters(const UpdateRule& rule, bool decay, std::span<const float> parameters,
                      std::span<const float> gradient, UpdateState state,
                      std::span<float> new_parameters) {
  const int states = StateArrays(rule.kind, rule.momentum);
  bool finite = true;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Element e{static_cast<double>(parameters[i]), static_cast<double>(gradient[i]),
              states > 0 ? static_cast<double>(state.in[0][i]) : 0.0,
              states > 1 ? static_cast<double>(state.in[1][i]) : 0.0};
    Prepare(rule, decay, e);
    Step(rule, e);
    new_parameters[i] = static_cast<float>(e.w);
    finite = finite && std::isfinite(new_parameters[i]);
    if (states > 0) finite = std::isfinite(state.out[0][i] = static_cast<float>(e.s)) && finite;
    if (states > 1) finite = std::isfinite(state.out[1][i] = static_cast<float>(e.t)) && finite;
  }
  return finite;
}

}  // namespace chainrule::engine::scalar
