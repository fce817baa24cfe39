#include "engine/kernels/loss.h"

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
// it cannot overflow); Gradient is the derivative.  kReadsZ: Term's `x` is z, else a.
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
  static HWY_INLINE hn::Vec<Float> Gradient(Float /*d*/, float /*delta*/, hn::Vec<Float> a,
                                            hn::Vec<Float> y) {
    return hn::Sub(a, y);
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
    const auto a = Form::kReadsZ ? hn::LoadU(d, row.a + i) : x;
    hn::StoreU(Form::Gradient(d, delta, a, y), d, row.gradient + i);
  }
  return Form::Term(d, delta, x, y);
}

template <class Form, bool kWithGradient>
HWY_INLINE hn::Vec<Float> PartialTerms(float delta, const Row& row, size_t i, size_t left) {
  const Float d;
  const auto y = LoadPartial(d, row.y + i, left);
  const auto x = LoadPartial(d, (Form::kReadsZ ? row.z : row.a) + i, left);
  if constexpr (kWithGradient) {
    const auto a = Form::kReadsZ ? LoadPartial(d, row.a + i, left) : x;
    StorePartial(d, Form::Gradient(d, delta, a, y), row.gradient + i, left);
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
  const bool reads_a = !Form::kReadsZ || gradient.data != nullptr;
  return y.contiguous() && (!Form::kReadsZ || z.contiguous()) && (!reads_a || a.contiguous()) &&
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

// a·Σy − y
HWY_INLINE void WriteSoftmaxGradient(const Row& row, float target_sum, size_t count) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto sum = hn::Set(d, target_sum);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto y = hn::LoadU(d, row.y + i);
    hn::StoreU(hn::MulSub(hn::LoadU(d, row.a + i), sum, y), d, row.gradient + i);
  }
  if (i < count) {
    const size_t left = count - i;
    const auto y = LoadPartial(d, row.y + i, left);
    StorePartial(d, hn::MulSub(LoadPartial(d, row.a + i, left), sum, y), row.gradient + i, left);
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
    const double exponentials = SumOfExponentials<false>(d, row.z, maximum, count, nullptr);
    double target_sum = 0;
    const double distance = WeightedDistance(row.z, row.y, maximum, count, &target_sum);
    row_loss[static_cast<size_t>(i)] = distance + target_sum * std::log(exponentials);
    if (row.gradient != nullptr) {
      WriteSoftmaxGradient(row, static_cast<float>(target_sum), count);
    }
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
