// exp, tanh, sigmoid, softplus and the normal distribution on vectors of float32.
// Over the whole range, against the exact value (tests/engine/kernels/exhaustive.cc
// measures it over every float32): exp, tanh, sigmoid and softplus within 4 ulp,
// denormal results included (with FMA and over all: 1.05, 2.52, 2.41 and 2.80), and
// GELU made of these within 10 (7.81); limits are exact and NaN stays NaN.
// Highway's own Exp and Tanh (hwy/contrib/math) turn NaN and very large arguments
// into numbers, so these take their place.
// Per-target header: include after hwy/foreach_target.h.

// clang-format off
#if defined(CHAINRULE_ENGINE_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHAINRULE_ENGINE_KERNELS_MATH_INL_H_
#undef CHAINRULE_ENGINE_KERNELS_MATH_INL_H_
#else
#define CHAINRULE_ENGINE_KERNELS_MATH_INL_H_
#endif
// clang-format on

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Signs are asked for with Lt: IfNegativeThenElse of Highway 1.0.3 looks at more than
// the sign bit on SSSE3.

// Comparisons with NaN are false, so unlike Min and Max these keep it.
template <class D, class V>
HWY_INLINE V AtMost(D d, V x, float limit) {
  const V bound = hn::Set(d, limit);
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);
}

template <class D, class V>
HWY_INLINE V AtLeast(D d, V x, float limit) {
  const V bound = hn::Set(d, limit);
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
}

// x = n·ln 2 + r with |r| ≤ ½ ln 2, n whole.  Adding kRound = 1.5·2²³ rounds to a
// whole number and leaves it in the low bits of the sum, ready to become an
// exponent: kRound + 127 + c makes them those of 2^(n+c).
inline constexpr float kRound = 12582912.0F;
inline constexpr float kExponentBias = 127.0F;
inline constexpr float kLog2E = 1.44269504F;
// Cody and Waite's split of ln 2: n·kLn2High is exact for |n| < 2¹⁴.
inline constexpr float kLn2High = 0.693359375F;
inline constexpr float kLn2Low = -2.12194440e-4F;

template <class D, class V>
HWY_INLINE V RoundedExponent(D d, V x, float bias) {
  return hn::MulAdd(x, hn::Set(d, kLog2E), hn::Set(d, kRound + bias));
}

// 2 to the exponent that RoundedExponent left in the low bits.
template <class D, class V>
HWY_INLINE V PowerOfTwo(D d, V rounded) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, rounded)));
}

template <class D, class V>
HWY_INLINE V Remainder(D d, V x, V n) {
  const V r = hn::NegMulAdd(n, hn::Set(d, kLn2High), x);
  return hn::NegMulAdd(n, hn::Set(d, kLn2Low), r);
}

// e^r − 1 for |r| ≤ ½ ln 2, = r + r²·q(r), q minimax of degree 4 (Remez) for the
// relative error, 1.6e-8.
template <class D, class V>
HWY_INLINE V ExpMinusOneOfRemainder(D d, V r) {
  V q = hn::Set(d, 1.3945495011284947e-3F);
  q = hn::MulAdd(q, r, hn::Set(d, 8.366069756448269e-3F));
  q = hn::MulAdd(q, r, hn::Set(d, 4.166629910469055e-2F));
  q = hn::MulAdd(q, r, hn::Set(d, 0.1666654795408249F));
  q = hn::MulAdd(q, r, hn::Set(d, 0.5F));
  return hn::MulAdd(hn::Mul(r, r), q, r);
}

// e^x for any x.
template <class D, class V>
HWY_INLINE V ExpVector(D d, V x) {
  const hn::RebindToSigned<D> di;
  // Beyond these the result is infinity, or rounds to 0.
  x = AtLeast(d, AtMost(d, x, 89.0F), -105.0F);
  const V rounded = RoundedExponent(d, x, 0.0F);
  const V n = hn::Sub(rounded, hn::Set(d, kRound));
  const V y = hn::Add(ExpMinusOneOfRemainder(d, Remainder(d, x, n)), hn::Set(d, 1.0F));
  // In two halves, because neither 2^128 nor 2^−150 is a normal float.
  const auto exponent = hn::Sub(hn::BitCast(di, rounded), hn::BitCast(di, hn::Set(d, kRound)));
  const auto half = hn::ShiftRight<1>(exponent);
  const auto bias = hn::Set(di, 127);
  const V first = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(half, bias)));
  const V second = hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(hn::Sub(exponent, half), bias)));
  return hn::Mul(hn::Mul(y, first), second);
}

// e^(x + low) for −105.5 ≤ x ≤ 0 (or NaN) and |low| well below 1: one power of two
// that stays normal, 2^(n+26), and the constant 2^−26 take the place of the halves.
template <class D, class V>
HWY_INLINE V ExpOfClamped(D d, V x, V low) {
  constexpr float kHeadroom = 26.0F;
  constexpr float kBias = kExponentBias + kHeadroom;
  const V rounded = RoundedExponent(d, hn::Add(x, low), kBias);
  const V n = hn::Sub(rounded, hn::Set(d, kRound + kBias));
  const V r = hn::Add(Remainder(d, x, n), low);
  const V y = hn::Add(ExpMinusOneOfRemainder(d, r), hn::Set(d, 1.0F));
  return hn::Mul(hn::Mul(y, PowerOfTwo(d, rounded)), hn::Set(d, 0x1p-26F));
}

// e^x for x ≤ 0.
template <class D, class V>
HWY_INLINE V ExpOfNonPositive(D d, V x) {
  return ExpOfClamped(d, AtLeast(d, x, -105.0F), hn::Zero(d));
}

// e^x − 1 for |x| ≤ 40: 2ⁿ·(e^r − 1) + (2ⁿ − 1).
template <class D, class V>
HWY_INLINE V ExpMinusOne(D d, V x) {
  const V rounded = RoundedExponent(d, x, kExponentBias);
  const V n = hn::Sub(rounded, hn::Set(d, kRound + kExponentBias));
  const V scale = PowerOfTwo(d, rounded);
  const V y = ExpMinusOneOfRemainder(d, Remainder(d, x, n));
  return hn::MulAdd(scale, y, hn::Sub(scale, hn::Set(d, 1.0F)));
}

// tanh x = (e^2|x| − 1)/(e^2|x| + 1) with the sign of x; 1 − tanh 10 is below ¼ ulp.
template <class D, class V>
HWY_INLINE V TanhVector(D d, V x) {
  const V magnitude = AtMost(d, hn::Abs(x), 10.0F);
  const V e = ExpMinusOne(d, hn::Add(magnitude, magnitude));
  return hn::CopySign(hn::Div(e, hn::Add(e, hn::Set(d, 2.0F))), x);
}

// σ(x) = 1/(1+e^−x) = e^x/(1+e^x): of the two the one whose power is at most 1.
template <class D, class V>
HWY_INLINE V SigmoidVector(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  const V e = ExpOfNonPositive(d, hn::Neg(hn::Abs(x)));
  return hn::Div(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), e, one), hn::Add(one, e));
}

// ln(1+e) for 0 ≤ e ≤ 1, = 2 artanh(s/2) with s = 2e/(2+e), = s + s³·p(s²), p
// minimax of degree 4 (Remez), relative error 1.3e-10.
template <class D, class V>
HWY_INLINE V LogOfOnePlus(D d, V e) {
  const V s = hn::Div(hn::Add(e, e), hn::Add(e, hn::Set(d, 2.0F)));
  const V y = hn::Mul(s, s);
  V p = hn::Set(d, 1.1812744924100116e-4F);
  p = hn::MulAdd(p, y, hn::Set(d, 4.1911733569577336e-4F));
  p = hn::MulAdd(p, y, hn::Set(d, 2.235448220744729e-3F));
  p = hn::MulAdd(p, y, hn::Set(d, 1.2499690055847168e-2F));
  p = hn::MulAdd(p, y, hn::Set(d, 8.33333432674408e-2F));
  return hn::MulAdd(hn::Mul(s, y), p, s);
}

// ln(1+e^x) = max(x, 0) + ln(1+e^−|x|).
template <class D, class V>
HWY_INLINE V SoftplusVector(D d, V x) {
  const V e = ExpOfNonPositive(d, hn::Neg(hn::Abs(x)));
  return hn::Add(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x), LogOfOnePlus(d, e));
}

// The normal density φ(u) rounds to 0 from here on.
inline constexpr float kNormalLimit = 14.5F;

// e^(−u²/2) for 0 ≤ u ≤ kNormalLimit.  u² is taken in two parts (fdlibm's way in
// erfc), for its rounding alone would cost 50 ulp.
template <class D, class V>
HWY_INLINE V ExpOfHalfSquare(D d, V u) {
  const hn::RebindToUnsigned<D> du;
  const V high = hn::BitCast(d, hn::And(hn::BitCast(du, u), hn::Set(du, 0xFFFFF000U)));
  const V half = hn::Set(d, -0.5F);
  const V low = hn::Mul(half, hn::Mul(hn::Sub(u, high), hn::Add(u, high)));
  return ExpOfClamped(d, hn::Mul(half, hn::Mul(high, high)), low);
}

// Mills' ratio over √2π, (1 − Φ(u))/(√2π·φ(u)) for 0 ≤ u ≤ kNormalLimit, so that
// 1 − Φ(u) = ExpOfHalfSquare(u) times it.  As in Abramowitz & Stegun 7.1.26 a
// polynomial in t = 1/(1+p·u), here with p = ¼, of degree 10 without a constant term
// and minimax (Remez) for the relative error, 9e-9.
template <class D, class V>
HWY_INLINE V NormalTailRatio(D d, V u) {
  const V t = hn::Div(hn::Set(d, 4.0F), hn::Add(u, hn::Set(d, 4.0F)));
  V p = hn::Set(d, 0.016951464116573334F);
  p = hn::MulAdd(p, t, hn::Set(d, -0.06486581265926361F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.056673210114240646F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.021520836278796196F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.018671082332730293F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.08333046734333038F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.07319996505975723F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.09524600952863693F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.09952673316001892F));
  p = hn::MulAdd(p, t, hn::Set(d, 0.09974604099988937F));
  return hn::Mul(p, t);
}

// Φ(z), from its u = min(|z|, kNormalLimit) and e = ExpOfHalfSquare(u).
template <class D, class V>
HWY_INLINE V NormalDistribution(D d, V z, V u, V e) {
  const V tail = hn::Mul(e, NormalTailRatio(d, u));
  return hn::IfThenElse(hn::Lt(z, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0F), tail));
}

}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CHAINRULE_ENGINE_KERNELS_MATH_INL_H_
