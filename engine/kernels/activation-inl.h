// Activations and derivatives on vectors, for kernels that have Z in registers: the
// same bits as AddBiasActivate and MultiplyByDerivative (activation.h), which are
// made of these.
// Per-target header: include after hwy/foreach_target.h.

// clang-format off
#if defined(CHAINRULE_ENGINE_KERNELS_ACTIVATION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHAINRULE_ENGINE_KERNELS_ACTIVATION_INL_H_
#undef CHAINRULE_ENGINE_KERNELS_ACTIVATION_INL_H_
#else
#define CHAINRULE_ENGINE_KERNELS_ACTIVATION_INL_H_
#endif
// clang-format on

#include <cstddef>
#include <limits>

#include "engine/kernels/activation.h"
#include "engine/kernels/math-inl.h"
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {

// One type an activation: Value is a = f(z); Derivative is f'(z), from a, or from z
// where DerivativeNeedsZ.  `slope` is LEAKY_RELU's.
struct SigmoidFunction {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V /*slope*/, V z) {
    return SigmoidVector(d, z);
  }
  // a·(1−a)
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V /*slope*/, V a, V /*z*/) {
    return hn::Mul(a, hn::Sub(hn::Set(d, 1.0F), a));
  }
};

struct TanhFunction {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V /*slope*/, V z) {
    return TanhVector(d, z);
  }
  // 1−a² = (1−a)·(1+a), which does not cancel twice.
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V /*slope*/, V a, V /*z*/) {
    const V one = hn::Set(d, 1.0F);
    return hn::Mul(hn::Sub(one, a), hn::Add(one, a));
  }
};

struct ReluFunction {
  // Written so that NaN stays NaN.
  template <class D, class V>
  static HWY_INLINE V Value(D d, V /*slope*/, V z) {
    return hn::IfThenElse(hn::Lt(z, hn::Zero(d)), hn::Zero(d), z);
  }
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V /*slope*/, V a, V /*z*/) {
    return hn::IfThenElseZero(hn::Gt(a, hn::Zero(d)), hn::Set(d, 1.0F));
  }
};

struct LeakyReluFunction {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V slope, V z) {
    return hn::IfThenElse(hn::Gt(z, hn::Zero(d)), z, hn::Mul(slope, z));
  }
  // As the slope is not negative, a > 0 just where z > 0.
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V slope, V a, V /*z*/) {
    return hn::IfThenElse(hn::Gt(a, hn::Zero(d)), hn::Set(d, 1.0F), slope);
  }
};

struct GeluFunction {
  // z·Φ(z) = max(z, 0) − |z|·(1 − Φ(|z|)). The tail's two factors are not multiplied
  // with each other first: that would lose digits where Φ is denormal and z·Φ is not.
  template <class D, class V>
  static HWY_INLINE V Value(D d, V slope, V z) {
    const V u = AtMost(d, hn::Abs(z), kNormalLimit);
    const V scaled = hn::Mul(u, ExpOfHalfSquare(d, u));
    return hn::NegMulAdd(scaled, NormalTailRatio(d, u), ReluFunction::Value(d, slope, z));
  }
  // Φ(z) + z·φ(z)
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V /*slope*/, V /*a*/, V z) {
    constexpr float kInverseSqrt2Pi = 0.398942280401432678F;
    const V u = AtMost(d, hn::Abs(z), kNormalLimit);
    const V e = ExpOfHalfSquare(d, u);
    const V density = hn::Mul(e, hn::Set(d, kInverseSqrt2Pi));
    return hn::MulAdd(hn::CopySign(u, z), density, NormalDistribution(d, z, u, e));
  }
};

struct SoftplusFunction {
  template <class D, class V>
  static HWY_INLINE V Value(D d, V /*slope*/, V z) {
    return SoftplusVector(d, z);
  }
  // 1/(1+e^−z) = 1 − e^−a, which is 1 from a = 30 on.
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V /*slope*/, V a, V /*z*/) {
    return hn::Neg(ExpMinusOne(d, hn::Neg(AtMost(d, a, 30.0F))));
  }
};

struct IdentityFunction {
  template <class D, class V>
  static HWY_INLINE V Value(D /*d*/, V /*slope*/, V z) {
    return z;
  }
  template <class D, class V>
  static HWY_INLINE V Derivative(D d, V /*slope*/, V /*a*/, V /*z*/) {
    return hn::Set(d, 1.0F);
  }
};

// f(z) of one vector. Requires another kind than SOFTMAX, which needs whole rows:
// see SoftmaxRow.
template <class D, class V>
HWY_INLINE V ActivateVector(Activation kind, float slope, D d, V z) {
  const V slopes = hn::Set(d, slope);
  switch (kind) {
    case Activation::kSigmoid:
      return SigmoidFunction::Value(d, slopes, z);
    case Activation::kTanh:
      return TanhFunction::Value(d, slopes, z);
    case Activation::kRelu:
      return ReluFunction::Value(d, slopes, z);
    case Activation::kLeakyRelu:
      return LeakyReluFunction::Value(d, slopes, z);
    case Activation::kGelu:
      return GeluFunction::Value(d, slopes, z);
    case Activation::kSoftplus:
      return SoftplusFunction::Value(d, slopes, z);
    case Activation::kIdentity:
    case Activation::kSoftmax:
      break;
  }
  return z;
}

// The largest of z[0, count), or NaN or less where some are NaN.
template <class D>
HWY_INLINE float RowMaximum(D d, const float* z, size_t count) {
  const size_t lanes = hn::Lanes(d);
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  auto maximum = lowest;
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    maximum = hn::Max(maximum, hn::LoadU(d, z + i));
  }
  if (i < count) {
    const auto tail = LoadPartial(d, z + i, count - i);
    maximum = hn::Max(maximum, hn::IfThenElse(hn::FirstN(d, count - i), tail, lowest));
  }
  return hn::GetLane(hn::MaxOfLanes(d, maximum));
}

// e ← e^(z−maximum) over z[0, count); returns their sum, in double.
template <class D>
HWY_INLINE double StoreExponentials(D d, const float* z, float maximum, size_t count, float* e) {
  const DoublesOf<D> dd;
  const size_t lanes = hn::Lanes(d);
  const auto shift = hn::Set(d, maximum);
  auto lower = hn::Zero(dd);
  auto upper = hn::Zero(dd);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto term = ExpOfNonPositive(d, hn::Sub(hn::LoadU(d, z + i), shift));
    hn::StoreU(term, d, e + i);
    lower = hn::Add(lower, PromoteLower(d, term));
    upper = hn::Add(upper, PromoteUpper(d, term));
  }
  if (i < count) {
    const size_t left = count - i;
    const auto all = ExpOfNonPositive(d, hn::Sub(LoadPartial(d, z + i, left), shift));
    const auto term = hn::IfThenElseZero(hn::FirstN(d, left), all);
    StorePartial(d, term, e + i, left);
    lower = hn::Add(lower, PromoteLower(d, term));
    upper = hn::Add(upper, PromoteUpper(d, term));
  }
  return SumLanes(dd, hn::Add(lower, upper));
}

// a ← softmax of the row z[0, count); a may be z.
template <class D>
HWY_INLINE void SoftmaxRow(D d, const float* z, float* a, size_t count) {
  const size_t lanes = hn::Lanes(d);
  const double sum = StoreExponentials(d, z, RowMaximum(d, z, count), count, a);
  const auto divisor = hn::Set(d, static_cast<float>(sum));
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(hn::Div(hn::LoadU(d, a + i), divisor), d, a + i);
  }
  if (i < count) {
    StorePartial(d, hn::Div(LoadPartial(d, a + i, count - i), divisor), a + i, count - i);
  }
}

}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CHAINRULE_ENGINE_KERNELS_ACTIVATION_INL_H_
