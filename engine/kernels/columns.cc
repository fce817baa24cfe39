#include "engine/kernels/columns.h"

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/columns.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Float>;
using Double = hn::ScalableTag<double>;
using DoubleVector = hn::Vec<Double>;
// As many floats as there are doubles in a vector.
using Floats = hn::Rebind<float, Double>;

// x ← change(x, a, b), column by column.
template <class Change>
HWY_INLINE void ChangeRow(std::span<const float> a, std::span<const float> b, std::span<float> x,
                          Change change) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes) {
    const auto value = hn::LoadU(d, x.data() + i);
    hn::StoreU(change(value, hn::LoadU(d, a.data() + i), hn::LoadU(d, b.data() + i)), d,
               x.data() + i);
  }
  if (i < x.size()) {
    const size_t left = x.size() - i;
    const auto value = LoadPartial(d, x.data() + i, left);
    const auto changed =
        change(value, LoadPartial(d, a.data() + i, left), LoadPartial(d, b.data() + i, left));
    StorePartial(d, changed, x.data() + i, left);
  }
}

void StandardizeTarget(std::span<const float> mean, std::span<const float> scale,
                       std::span<float> x) {
  ChangeRow(mean, scale, x, [](FloatVector value, FloatVector m, FloatVector s) HWY_ATTR {
    return hn::Div(hn::Sub(value, m), s);
  });
}

void StandardizeByInverseTarget(std::span<const float> mean, std::span<const float> inverse_scale,
                                std::span<float> x) {
  ChangeRow(mean, inverse_scale, x, [](FloatVector value, FloatVector m, FloatVector s) HWY_ATTR {
    return hn::Mul(hn::Sub(value, m), s);
  });
}

void DestandardizeTarget(std::span<const float> mean, std::span<const float> scale,
                         std::span<float> x) {
  ChangeRow(mean, scale, x, [](FloatVector value, FloatVector m, FloatVector s) HWY_ATTR {
    return hn::Add(hn::Mul(value, s), m);
  });
}

void UnscaleTarget(std::span<const float> scale, std::span<float> x) {
  ChangeRow(scale, scale, x, [](FloatVector value, FloatVector, FloatVector s) HWY_ATTR {
    return hn::Div(value, s);
  });
}

// sums ← combine(sums, factor·x)
template <class Combine>
HWY_INLINE void CombineScaled(double factor, std::span<const float> x, std::span<double> sums,
                              Combine combine) {
  const Double d;
  const Floats floats;
  const size_t lanes = hn::Lanes(d);
  const auto scale = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes) {
    const auto value = hn::PromoteTo(d, hn::LoadU(floats, x.data() + i));
    hn::StoreU(combine(hn::LoadU(d, sums.data() + i), hn::Mul(scale, value)), d, sums.data() + i);
  }
  if (i < x.size()) {
    const size_t left = x.size() - i;
    const auto value = hn::PromoteTo(d, LoadPartial(floats, x.data() + i, left));
    const auto sum = LoadPartial(d, sums.data() + i, left);
    StorePartial(d, combine(sum, hn::Mul(scale, value)), sums.data() + i, left);
  }
}

void SetScaledTarget(double factor, std::span<const float> x, std::span<double> sums) {
  CombineScaled(factor, x, sums, [](DoubleVector, DoubleVector term) HWY_ATTR { return term; });
}

void AddScaledTarget(double factor, std::span<const float> x, std::span<double> sums) {
  CombineScaled(factor, x, sums,
                [](DoubleVector sum, DoubleVector term) HWY_ATTR { return hn::Add(sum, term); });
}

void DivideTarget(std::span<const double> sums, double divisor, std::span<float> quotients) {
  const Double d;
  const Floats floats;
  const size_t lanes = hn::Lanes(d);
  const auto by = hn::Set(d, divisor);
  size_t i = 0;
  for (; i + lanes <= sums.size(); i += lanes) {
    const auto quotient = hn::Div(hn::LoadU(d, sums.data() + i), by);
    hn::StoreU(hn::DemoteTo(floats, quotient), floats, quotients.data() + i);
  }
  if (i < sums.size()) {
    const size_t left = sums.size() - i;
    const auto quotient = hn::Div(LoadPartial(d, sums.data() + i, left), by);
    StorePartial(floats, hn::DemoteTo(floats, quotient), quotients.data() + i, left);
  }
}

struct Moment {
  DoubleVector mean;
  DoubleVector deviations;
};

HWY_INLINE Moment WithOneMore(DoubleVector x, DoubleVector share, const Moment& before) {
  const auto delta = hn::Sub(x, before.mean);
  const auto mean = hn::Add(before.mean, hn::Mul(delta, share));
  return {mean, hn::Add(before.deviations, hn::Mul(delta, hn::Sub(x, mean)))};
}

void AddToMomentsTarget(std::span<const float> x, double share, std::span<double> mean,
                        std::span<double> deviations) {
  const Double d;
  const Floats floats;
  const size_t lanes = hn::Lanes(d);
  const auto shares = hn::Set(d, share);
  size_t i = 0;
  for (; i + lanes <= x.size(); i += lanes) {
    const Moment before = {hn::LoadU(d, mean.data() + i), hn::LoadU(d, deviations.data() + i)};
    const auto value = hn::PromoteTo(d, hn::LoadU(floats, x.data() + i));
    const Moment after = WithOneMore(value, shares, before);
    hn::StoreU(after.mean, d, mean.data() + i);
    hn::StoreU(after.deviations, d, deviations.data() + i);
  }
  if (i < x.size()) {
    const size_t left = x.size() - i;
    const Moment before = {LoadPartial(d, mean.data() + i, left),
                           LoadPartial(d, deviations.data() + i, left)};
    const auto value = hn::PromoteTo(d, LoadPartial(floats, x.data() + i, left));
    const Moment after = WithOneMore(value, shares, before);
    StorePartial(d, after.mean, mean.data() + i, left);
    StorePartial(d, after.deviations, deviations.data() + i, left);
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(StandardizeTarget);
HWY_EXPORT(StandardizeByInverseTarget);
HWY_EXPORT(DestandardizeTarget);
HWY_EXPORT(UnscaleTarget);
HWY_EXPORT(SetScaledTarget);
HWY_EXPORT(AddScaledTarget);
HWY_EXPORT(DivideTarget);
HWY_EXPORT(AddToMomentsTarget);

void Standardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(StandardizeTarget)(mean, scale, x);
}

void StandardizeByInverse(std::span<const float> mean, std::span<const float> inverse_scale,
                          std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(StandardizeByInverseTarget)(mean, inverse_scale, x);
}

void Destandardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(DestandardizeTarget)(mean, scale, x);
}

void Unscale(std::span<const float> scale, std::span<float> x) {
  HWY_DYNAMIC_DISPATCH(UnscaleTarget)(scale, x);
}

void SetScaled(double factor, std::span<const float> x, std::span<double> sums) {
  HWY_DYNAMIC_DISPATCH(SetScaledTarget)(factor, x, sums);
}

void AddScaled(double factor, std::span<const float> x, std::span<double> sums) {
  HWY_DYNAMIC_DISPATCH(AddScaledTarget)(factor, x, sums);
}

void Divide(std::span<const double> sums, double divisor, std::span<float> quotients) {
  HWY_DYNAMIC_DISPATCH(DivideTarget)(sums, divisor, quotients);
}

void AddToMoments(std::span<const float> x, double share, std::span<double> mean,
                  std::span<double> deviations) {
  HWY_DYNAMIC_DISPATCH(AddToMomentsTarget)(x, share, mean, deviations);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
