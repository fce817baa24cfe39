#include "engine/kernels/update.h"

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "engine/core/aligned_buffer.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/update.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;
using Vector = hn::Vec<Float>;

// One type an optimizer: Step returns the new parameter from the decayed old one and
// the clipped gradient, and turns its kStates states s, t into the new ones.  The
// numbers of a step are computed in double and rounded once.
struct Sgd {
  static constexpr int kStates = 0;
  float rate;
  explicit Sgd(const UpdateRule& rule) : rate(rule.learning_rate) {}
  HWY_INLINE Vector Step(Float d, Vector w, Vector g, Vector& /*s*/, Vector& /*t*/) const {
    return hn::NegMulAdd(hn::Set(d, rate), g, w);
  }
};

template <bool kNesterov>
struct Momentum {
  static constexpr int kStates = 1;
  float rate, momentum;
  explicit Momentum(const UpdateRule& rule) : rate(rule.learning_rate), momentum(rule.momentum) {}
  HWY_INLINE Vector Step(Float d, Vector w, Vector g, Vector& v, Vector& /*t*/) const {
    const Vector mu = hn::Set(d, momentum);
    v = hn::MulAdd(mu, v, g);
    const Vector direction = kNesterov ? hn::MulAdd(mu, v, g) : v;
    return hn::NegMulAdd(hn::Set(d, rate), direction, w);
  }
};

struct Adam {
  static constexpr int kStates = 2;
  float beta1, rest1, beta2, rest2, step, root_correction, epsilon;
  explicit Adam(const UpdateRule& rule)
      : beta1(static_cast<float>(rule.beta1)),
        rest1(static_cast<float>(1.0 - rule.beta1)),
        beta2(static_cast<float>(rule.beta2)),
        rest2(static_cast<float>(1.0 - rule.beta2)),
        step(static_cast<float>(static_cast<double>(rule.learning_rate) *
                                static_cast<double>(rule.bias_correction1))),
        root_correction(static_cast<float>(std::sqrt(static_cast<double>(rule.bias_correction2)))),
        epsilon(rule.epsilon) {}
  HWY_INLINE Vector Step(Float d, Vector w, Vector g, Vector& m, Vector& v) const {
    m = hn::MulAdd(hn::Set(d, beta1), m, hn::Mul(hn::Set(d, rest1), g));
    v = hn::MulAdd(hn::Set(d, beta2), v, hn::Mul(hn::Mul(hn::Set(d, rest2), g), g));
    const Vector divisor =
        hn::MulAdd(hn::Sqrt(v), hn::Set(d, root_correction), hn::Set(d, epsilon));
    return hn::NegMulAdd(hn::Set(d, step), hn::Div(m, divisor), w);
  }
};

struct RmsProp {
  static constexpr int kStates = 1;
  float rate, rho, rest, epsilon;
  explicit RmsProp(const UpdateRule& rule)
      : rate(rule.learning_rate),
        rho(static_cast<float>(rule.rho)),
        rest(static_cast<float>(1.0 - rule.rho)),
        epsilon(rule.epsilon) {}
  // g/(√v + ε) with the new v.
  HWY_INLINE Vector Normalized(Float d, Vector g, Vector& v) const {
    v = hn::MulAdd(hn::Set(d, rho), v, hn::Mul(hn::Mul(hn::Set(d, rest), g), g));
    return hn::Div(g, hn::Add(hn::Sqrt(v), hn::Set(d, epsilon)));
  }
  HWY_INLINE Vector Step(Float d, Vector w, Vector g, Vector& v, Vector& /*t*/) const {
    return hn::NegMulAdd(hn::Set(d, rate), Normalized(d, g, v), w);
  }
};

struct RmsPropMomentum : RmsProp {
  static constexpr int kStates = 2;
  float momentum;
  explicit RmsPropMomentum(const UpdateRule& rule) : RmsProp(rule), momentum(rule.momentum) {}
  HWY_INLINE Vector Step(Float d, Vector w, Vector g, Vector& v, Vector& buffer) const {
    buffer = hn::MulAdd(hn::Set(d, momentum), buffer, Normalized(d, g, v));
    return hn::NegMulAdd(hn::Set(d, rate), buffer, w);
  }
};

struct Adagrad {
  static constexpr int kStates = 1;
  float rate, epsilon;
  explicit Adagrad(const UpdateRule& rule) : rate(rule.learning_rate), epsilon(rule.epsilon) {}
  HWY_INLINE Vector Step(Float d, Vector w, Vector g, Vector& v, Vector& /*t*/) const {
    v = hn::MulAdd(g, g, v);
    const Vector divisor = hn::Add(hn::Sqrt(v), hn::Set(d, epsilon));
    return hn::NegMulAdd(hn::Set(d, rate), hn::Div(g, divisor), w);
  }
};

// What is done to gradient and parameter before any optimizer sees them.
struct Preparation {
  float scale, clip, decay;

  // By comparison, so that NaN stays NaN instead of becoming ±clip.
  HWY_INLINE Vector Gradient(Float d, Vector g) const {
    const Vector scaled = hn::Mul(hn::Set(d, scale), g);
    const Vector limit = hn::Set(d, clip);
    const auto beyond = hn::Gt(hn::Abs(scaled), limit);
    return hn::IfThenElse(beyond, hn::CopySign(limit, scaled), scaled);
  }
  HWY_INLINE Vector Parameter(Float d, Vector w) const {
    return hn::NegMulAdd(hn::Set(d, decay), w, w);
  }
};

// The arrays of one call; states beyond an optimizer's are null.
struct Arrays {
  const float* parameters;
  const float* gradient;
  const float* in[2];
  float* out[2];
  float* new_parameters;
};

// The part of an array at one vector: whole, or the first `left` lanes. StoreNew is for the
// new parameters.
struct Whole {
  HWY_INLINE Vector Load(Float d, const float* from) const { return hn::LoadU(d, from); }
  HWY_INLINE void Store(Float d, Vector v, float* to) const { hn::StoreU(v, d, to); }
  HWY_INLINE void StoreNew(Float d, Vector v, float* to) const { Store(d, v, to); }
};

// The same, with new parameters that go past the caches.
struct PastCache : Whole {
  HWY_INLINE void StoreNew(Float d, Vector v, float* to) const { hn::Stream(v, d, to); }
};

struct Partial {
  size_t left;
  HWY_INLINE Vector Load(Float d, const float* from) const { return LoadPartial(d, from, left); }
  HWY_INLINE void Store(Float d, Vector v, float* to) const { StorePartial(d, v, to, left); }
  HWY_INLINE void StoreNew(Float d, Vector v, float* to) const { Store(d, v, to); }
};

// Updates the elements at i; returns bad + 0·(everything written), which is NaN in
// the lanes where something was not finite.
template <class Optimizer, class Access>
HWY_INLINE Vector UpdateAt(const Optimizer& optimizer, const Preparation& preparation,
                           const Arrays& at, size_t i, Access access, Vector bad) {
  const Float d;
  const Vector zero = hn::Zero(d);
  const Vector g = preparation.Gradient(d, access.Load(d, at.gradient + i));
  const Vector w = preparation.Parameter(d, access.Load(d, at.parameters + i));
  Vector s = zero;
  Vector t = zero;
  if constexpr (Optimizer::kStates > 0) s = access.Load(d, at.in[0] + i);
  if constexpr (Optimizer::kStates > 1) t = access.Load(d, at.in[1] + i);
  const Vector updated = optimizer.Step(d, w, g, s, t);
  access.StoreNew(d, updated, at.new_parameters + i);
  bad = hn::MulAdd(updated, zero, bad);
  if constexpr (Optimizer::kStates > 0) {
    access.Store(d, s, at.out[0] + i);
    bad = hn::MulAdd(s, zero, bad);
  }
  if constexpr (Optimizer::kStates > 1) {
    access.Store(d, t, at.out[1] + i);
    bad = hn::MulAdd(t, zero, bad);
  }
  return bad;
}

template <class Optimizer, class Access>
bool UpdateAll(const UpdateRule& rule, const Preparation& preparation, const Arrays& arrays,
               size_t count, Access access) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const Optimizer optimizer(rule);
  // Four sums of their own: one would make each vector wait for the one before.
  Vector bad = hn::Zero(d);
  Vector bad1 = bad;
  Vector bad2 = bad;
  Vector bad3 = bad;
  size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    bad = UpdateAt(optimizer, preparation, arrays, i, access, bad);
    bad1 = UpdateAt(optimizer, preparation, arrays, i + lanes, access, bad1);
    bad2 = UpdateAt(optimizer, preparation, arrays, i + 2 * lanes, access, bad2);
    bad3 = UpdateAt(optimizer, preparation, arrays, i + 3 * lanes, access, bad3);
  }
  bad = hn::Add(hn::Add(bad, bad1), hn::Add(bad2, bad3));
  for (; i + lanes <= count; i += lanes) {
    bad = UpdateAt(optimizer, preparation, arrays, i, access, bad);
  }
  if (i < count) bad = UpdateAt(optimizer, preparation, arrays, i, Partial{count - i}, bad);
  return hn::AllTrue(d, hn::Eq(bad, hn::Zero(d)));
}

template <class Optimizer>
bool Update(const UpdateRule& rule, const Preparation& preparation, const Arrays& arrays,
            size_t count) {
  const bool aligned = reinterpret_cast<uintptr_t>(arrays.new_parameters) % kAlignmentBytes == 0;
  if (!rule.past_cache || !aligned) {
    return UpdateAll<Optimizer>(rule, preparation, arrays, count, Whole{});
  }
  const bool finite = UpdateAll<Optimizer>(rule, preparation, arrays, count, PastCache{});
  hwy::FlushStream();
  return finite;
}

bool UpdateParametersTarget(const UpdateRule& rule, bool decay, const float* parameters,
                            const float* gradient, const UpdateState& state, float* new_parameters,
                            size_t count) {
  const double decayed =
      decay ? static_cast<double>(rule.learning_rate) * static_cast<double>(rule.weight_decay)
            : 0.0;
  const Preparation preparation{rule.gradient_scale, rule.clip_value, static_cast<float>(decayed)};
  const Arrays arrays{parameters,
                      gradient,
                      {state.in[0].data(), state.in[1].data()},
                      {state.out[0].data(), state.out[1].data()},
                      new_parameters};
  switch (rule.kind) {
    case OptimizerKind::kSgd:
      if (rule.momentum == 0) return Update<Sgd>(rule, preparation, arrays, count);
      if (rule.nesterov) return Update<Momentum<true>>(rule, preparation, arrays, count);
      return Update<Momentum<false>>(rule, preparation, arrays, count);
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return Update<Adam>(rule, preparation, arrays, count);
    case OptimizerKind::kRmsProp:
      if (rule.momentum == 0) return Update<RmsProp>(rule, preparation, arrays, count);
      return Update<RmsPropMomentum>(rule, preparation, arrays, count);
    case OptimizerKind::kAdagrad:
      return Update<Adagrad>(rule, preparation, arrays, count);
  }
  return false;
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "engine/core/check.h"

namespace chainrule::engine {

HWY_EXPORT(UpdateParametersTarget);

int StateArrays(OptimizerKind kind, float momentum) {
  switch (kind) {
    case OptimizerKind::kSgd:
      return momentum == 0 ? 0 : 1;
    case OptimizerKind::kAdam:
    case OptimizerKind::kAdamW:
      return 2;
    case OptimizerKind::kRmsProp:
      return momentum == 0 ? 1 : 2;
    case OptimizerKind::kAdagrad:
      return 1;
  }
  return 0;
}

bool UpdateParameters(const UpdateRule& rule, bool decay, std::span<const float> parameters,
                      std::span<const float> gradient, UpdateState state,
                      std::span<float> new_parameters) {
  const size_t count = parameters.size();
  CHAINRULE_CHECK(gradient.size() == count && new_parameters.size() == count);
  for (int i = 0; i < StateArrays(rule.kind, rule.momentum); ++i) {
    CHAINRULE_CHECK(state.in[i].size() == count && state.out[i].size() == count);
  }
  return HWY_DYNAMIC_DISPATCH(UpdateParametersTarget)(
      rule, decay, parameters.data(), gradient.data(), state, new_parameters.data(), count);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
