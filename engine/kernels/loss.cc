#include "engine/kernels/loss.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/loss.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/activation-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;
using Double = DoublesOf<Float>;

// One type a loss that is a sum over the outputs.  Term is an output's share of the
// loss in float (its square root where kSquared: it is then squared in double, where
// it cannot overflow); Gradient is the derivative.  kReadsZ: `x` is z, else a.
struct BinaryCrossEntropy {
  static constexpr bool kReadsZ = true;
  static constexpr bool kSquared = false;
  // max(z,0) − z·y = |z|·(z < 0 ? y : 1−y), which does not cancel.
  static HWY_INLINE hn::Vec<Float> Term(Float d, float /*delta*/, hn::Vec<Float> z,
                                        hn::Vec<Float> y) {
    const auto magnitude = hn::Abs(z);
    const auto wrong = hn::IfThenElse(hn::Lt(z, hn::Zero(d)), y, hn::Sub(hn::Set(d, 1.0F), y));
    const auto e = ExpOfNonPositive(d, hn::Neg(magnitude));
    return hn::MulAdd(magnitude, wrong, LogOfOnePlus(d, e));
  }
  // (1−y)·σ(z) − y·σ(−z): a − y, but where both are close to 1 it keeps its digits.
  static HWY_INLINE hn::Vec<Float> Gradient(Float d, float /*delta*/, hn::Vec<Float> z,
                                            hn::Vec<Float> y) {
    const auto one = hn::Set(d, 1.0F);
    const auto e = ExpOfNonPositive(d, hn::Neg(hn::Abs(z)));
    const auto larger = hn::Div(one, hn::Add(one, e));
    const auto smaller = hn::Mul(e, larger);
    const auto negative = hn::Lt(z, hn::Zero(d));
    const auto yes = hn::IfThenElse(negative, smaller, larger);
    const auto no = hn::IfThenElse(negative, larger, smaller);
    return hn::NegMulAdd(y, no, hn::Mul(hn::Sub(one, y), yes));
  }
};

struct SquaredError {
  static constexpr bool kReadsZ = false;
  static constexpr bool kSquared = true;
  static HWY_INLINE hn::Vec<Float> Term(Float /*d*/, float /*delta*/, hn::Vec<Float> a,
                                        hn::Vec<Float> y) {
    return hn::Sub(a, y);
  }
  static HWY_INLINE hn::Vec<Float> Gradient(Float /*d*/, float /*delta*/, hn::Vec<Float> a,
                                            hn::Vec<Float> y) {
    const auto error = hn::Sub(a, y);
    return hn::Add(error, error);
  }
};

struct HuberError {
  static constexpr bool kReadsZ = false;
  static constexpr bool kSquared = false;
  static HWY_INLINE hn::Vec<Float> Term(Float d, float delta, hn::Vec<Float> a, hn::Vec<Float> y) {
    const auto half = hn::Set(d, 0.5F);
    const auto limit = hn::Set(d, delta);
    const auto magnitude = hn::Abs(hn::Sub(a, y));
    const auto square = hn::Mul(hn::Mul(half, magnitude), magnitude);
    const auto linear = hn::Mul(limit, hn::NegMulAdd(half, limit, magnitude));
    return hn::IfThenElse(hn::Gt(magnitude, limit), linear, square);
  }
  static HWY_INLINE hn::Vec<Float> Gradient(Float d, float delta, hn::Vec<Float> a,
                                            hn::Vec<Float> y) {
    return AtLeast(d, AtMost(d, hn::Sub(a, y), delta), -delta);
  }
};

// Of one row, or of `count` rows of one column; what the loss does not read is null.
struct Row {
  const float* z;
  const float* a;
  const float* y;
  float* gradient;  // null: not wanted
};

template <class Form>
HWY_INLINE hn::Vec<Double> AsLoss(hn::Vec<Double> term) {
  return Form::kSquared ? hn::Mul(term, term) : term;
}

// The terms of the outputs from `i` on, and, where it is wanted, their gradient: of a whole
// vector, or of the first `left` lanes with the other terms zero.
template <class Form, bool kWithGradient>
HWY_INLINE hn::Vec<Float> Terms(float delta, const Row& row, size_t i) {
  const Float d;
  const auto y = hn::LoadU(d, row.y + i);
  const auto x = hn::LoadU(d, (Form::kReadsZ ? row.z : row.a) + i);
  if constexpr (kWithGradient) {
    hn::StoreU(Form::Gradient(d, delta, x, y), d, row.gradient + i);
  }
  return Form::Term(d, delta, x, y);
}

template <class Form, bool kWithGradient>
HWY_INLINE hn::Vec<Float> PartialTerms(float delta, const Row& row, size_t i, size_t left) {
  const Float d;
  const auto y = LoadPartial(d, row.y + i, left);
  const auto x = LoadPartial(d, (Form::kReadsZ ? row.z : row.a) + i, left);
  if constexpr (kWithGradient) {
    StorePartial(d, Form::Gradient(d, delta, x, y), row.gradient + i, left);
  }
  return hn::IfThenElseZero(hn::FirstN(d, left), Form::Term(d, delta, x, y));
}

// Σ of the row's terms, each lane in the order of its columns.
template <class Form, bool kWithGradient>
HWY_INLINE double SumOfTerms(float delta, const Row& row, size_t count) {
  const Float d;
  const Double dd;
  const size_t lanes = hn::Lanes(d);
  auto lower = hn::Zero(dd);
  auto upper = hn::Zero(dd);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto terms = Terms<Form, kWithGradient>(delta, row, i);
    lower = hn::Add(lower, AsLoss<Form>(PromoteLower(d, terms)));
    upper = hn::Add(upper, AsLoss<Form>(PromoteUpper(d, terms)));
  }
  if (i < count) {
    const auto terms = PartialTerms<Form, kWithGradient>(delta, row, i, count - i);
    lower = hn::Add(lower, AsLoss<Form>(PromoteLower(d, terms)));
    upper = hn::Add(upper, AsLoss<Form>(PromoteUpper(d, terms)));
  }
  return SumLanes(dd, hn::Add(lower, upper));
}

// One column: a vector holds that many rows, and each row's loss is its one term.
template <class Form, bool kWithGradient>
HWY_INLINE void TermsOfOneColumn(float delta, const Row& row, size_t count, double* row_loss) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto terms = Terms<Form, kWithGradient>(delta, row, i);
    StoreHalves(d, AsLoss<Form>(PromoteLower(d, terms)), AsLoss<Form>(PromoteUpper(d, terms)),
                row_loss + i);
  }
  if (i < count) {
    HWY_ALIGN double losses[hn::MaxLanes(d)];
    const auto terms = PartialTerms<Form, kWithGradient>(delta, row, i, count - i);
    StoreHalves(d, AsLoss<Form>(PromoteLower(d, terms)), AsLoss<Form>(PromoteUpper(d, terms)),
                losses);
    std::memcpy(row_loss + i, losses, (count - i) * sizeof(double));
  }
}

template <class Form>
bool HasNoGaps(ConstMatrixView z, ConstMatrixView a, ConstMatrixView y, MatrixView gradient) {
  return y.contiguous() && (Form::kReadsZ ? z : a).contiguous() &&
         (gradient.data == nullptr || gradient.contiguous());
}

Row RowAt(ConstMatrixView z, ConstMatrixView a, ConstMatrixView y, MatrixView gradient, int64_t i) {
  return {z.data == nullptr ? nullptr : z.data + i * z.stride,
          a.data == nullptr ? nullptr : a.data + i * a.stride, y.data + i * y.stride,
          gradient.data == nullptr ? nullptr : gradient.data + i * gradient.stride};
}

template <class Form, bool kWithGradient>
void SumOverOutputs(float delta, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                    std::span<double> row_loss, MatrixView gradient) {
  const auto columns = static_cast<size_t>(y.columns);
  if (columns == 1 && HasNoGaps<Form>(z, a, y, gradient)) {
    return TermsOfOneColumn<Form, kWithGradient>(delta, RowAt(z, a, y, gradient, 0),
                                                 static_cast<size_t>(y.rows), row_loss.data());
  }
  for (int64_t i = 0; i < y.rows; ++i) {
    row_loss[static_cast<size_t>(i)] =
        SumOfTerms<Form, kWithGradient>(delta, RowAt(z, a, y, gradient, i), columns);
  }
}

template <class Form>
void LossOver(float delta, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
              std::span<double> row_loss, MatrixView gradient) {
  return gradient.data == nullptr ? SumOverOutputs<Form, false>(delta, z, a, y, row_loss, gradient)
                                  : SumOverOutputs<Form, true>(delta, z, a, y, row_loss, gradient);
}

// Σ y·(maximum − z), and Σ y in *target_sum.
HWY_INLINE double WeightedDistance(const float* z, const float* y, float maximum, size_t count,
                                   double* target_sum) {
  const Float d;
  const Double dd;
  const size_t lanes = hn::Lanes(d);
  const auto shift = hn::Set(d, maximum);
  auto distance = hn::Zero(dd);
  auto targets = hn::Zero(dd);
  for (size_t i = 0; i < count; i += lanes) {
    const size_t left = count - i;
    const bool whole = left >= lanes;
    const auto target = whole ? hn::LoadU(d, y + i) : LoadPartial(d, y + i, left);
    const auto logit = whole ? hn::LoadU(d, z + i) : LoadPartial(d, z + i, left);
    // Beyond the row y is 0, and so is its share: maximum − 0 is finite.
    const auto gap = hn::Sub(shift, logit);
    distance = hn::MulAdd(PromoteLower(d, target), PromoteLower(d, gap), distance);
    distance = hn::MulAdd(PromoteUpper(d, target), PromoteUpper(d, gap), distance);
    targets = hn::Add(targets, PromoteLower(d, target));
    targets = hn::Add(targets, PromoteUpper(d, target));
  }
  *target_sum = SumLanes(dd, targets);
  return SumLanes(dd, distance);
}

// Σ e^(z−maximum) but for one that is 1, in double: what is beside it keeps its digits.
HWY_INLINE double SumBeside(const float* z, float maximum, size_t count) {
  const Float d;
  const Double dd;
  const size_t lanes = hn::Lanes(d);
  const auto shift = hn::Set(d, maximum);
  auto sum = hn::Zero(dd);
  size_t largest = 0;
  for (size_t i = 0; i < count; i += lanes) {
    const size_t left = std::min(count - i, lanes);
    const auto logit = left == lanes ? hn::LoadU(d, z + i) : LoadPartial(d, z + i, left);
    const auto here = hn::FirstN(d, left);
    const auto at_top = hn::And(here, hn::Eq(logit, shift));
    largest += hn::CountTrue(d, at_top);
    const auto e = ExpOfNonPositive(d, hn::Sub(logit, shift));
    const auto beside = hn::IfThenElseZero(here, hn::IfThenZeroElse(at_top, e));
    sum = hn::Add(sum, hn::Add(PromoteLower(d, beside), PromoteUpper(d, beside)));
  }
  return SumLanes(dd, sum) + static_cast<double>(std::max<size_t>(largest, 1) - 1);
}

// What the gradient of a row needs beside its outputs.
struct SoftmaxSums {
  float maximum;  // of z
  float beside;   // 1 − the largest output
  float targets;  // Σy
};

// a·(Σy − y) − y·(1 − a), which is a·Σy − y, with the last factor from the outputs beside it.
HWY_INLINE hn::Vec<Float> SoftmaxGradient(const SoftmaxSums& sums, hn::Vec<Float> z,
                                          hn::Vec<Float> a, hn::Vec<Float> y) {
  const Float d;
  const auto at_top = hn::Eq(z, hn::Set(d, sums.maximum));
  const auto rest = hn::IfThenElse(at_top, hn::Set(d, sums.beside), hn::Sub(hn::Set(d, 1.0F), a));
  return hn::NegMulAdd(y, rest, hn::Mul(a, hn::Sub(hn::Set(d, sums.targets), y)));
}

HWY_INLINE void WriteSoftmaxGradient(const Row& row, const SoftmaxSums& sums, size_t count) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(SoftmaxGradient(sums, hn::LoadU(d, row.z + i), hn::LoadU(d, row.a + i),
                               hn::LoadU(d, row.y + i)),
               d, row.gradient + i);
  }
  if (i < count) {
    const size_t left = count - i;
    StorePartial(d,
                 SoftmaxGradient(sums, LoadPartial(d, row.z + i, left),
                                 LoadPartial(d, row.a + i, left), LoadPartial(d, row.y + i, left)),
                 row.gradient + i, left);
  }
}

// Σ y·(ln Σ e^z − z) = Σ y·(max z − z) + Σy·ln Σ e^(z − max z), both parts ≥ 0.
void CategoricalCrossEntropy(ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                             std::span<double> row_loss, MatrixView gradient) {
  const Float d;
  const auto count = static_cast<size_t>(y.columns);
  for (int64_t i = 0; i < y.rows; ++i) {
    const Row row = RowAt(z, a, y, gradient, i);
    const float maximum = RowMaximum(d, row.z, count);
    const double beside = SumBeside(row.z, maximum, count);
    double target_sum = 0;
    const double distance = WeightedDistance(row.z, row.y, maximum, count, &target_sum);
    row_loss[static_cast<size_t>(i)] = distance + target_sum * std::log1p(beside);
    if (row.gradient == nullptr) continue;
    WriteSoftmaxGradient(row,
                         {.maximum = maximum,
                          .beside = static_cast<float>(beside / (1.0 + beside)),
                          .targets = static_cast<float>(target_sum)},
                         count);
  }
}

void LossAndGradientTarget(LossFunction function, ConstMatrixView z, ConstMatrixView a,
                           ConstMatrixView y, std::span<double> row_loss, MatrixView gradient) {
  const float delta = function.huber_delta;
  switch (function.kind) {
    case Loss::kBinaryCrossEntropy:
      return LossOver<BinaryCrossEntropy>(delta, z, a, y, row_loss, gradient);
    case Loss::kCategoricalCrossEntropy:
      return CategoricalCrossEntropy(z, a, y, row_loss, gradient);
    case Loss::kMeanSquaredError:
      return LossOver<SquaredError>(delta, z, a, y, row_loss, gradient);
    case Loss::kHuber:
      return LossOver<HuberError>(delta, z, a, y, row_loss, gradient);
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(LossAndGradientTarget);

bool GradientIsByZ(Loss loss) {
  return loss == Loss::kBinaryCrossEntropy || loss == Loss::kCategoricalCrossEntropy;
}

void LossAndGradient(LossFunction function, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                     std::span<double> row_loss, MatrixView gradient) {
  HWY_DYNAMIC_DISPATCH(LossAndGradientTarget)(function, z, a, y, row_loss, gradient);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
