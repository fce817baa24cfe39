#include "engine/kernels/reduce.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/reduce.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;
using Double = DoublesOf<Float>;
using FloatVector = hn::Vec<Float>;
using DoubleVector = hn::Vec<Double>;

// Rows that one running sum takes before it is added to the result: bounds the
// rounding error, and decides bits.
constexpr int64_t kRowsPerSum = 128;

// alpha·sum + beta·old; what is multiplied by 0 is not looked at, as in BLAS.
HWY_INLINE FloatVector Blend(Float d, float alpha, FloatVector sum, float beta, FloatVector old) {
  const auto scaled = hn::Mul(hn::Set(d, alpha), sum);
  return beta == 0 ? scaled : hn::MulAdd(hn::Set(d, beta), old, scaled);
}

HWY_INLINE void BlendInto(float alpha, FloatVector sum, float beta, float* sums) {
  const Float d;
  hn::StoreU(Blend(d, alpha, sum, beta, hn::LoadU(d, sums)), d, sums);
}

// Eight vectors of columns, eight running sums in registers.
HWY_INLINE void WideStrip(float alpha, ConstMatrixView x, float beta, float* sums) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  FloatVector s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;
  const float* from = x.data;
  for (int64_t i = 0; i < x.rows; ++i, from += x.stride) {
    s0 = hn::Add(s0, hn::LoadU(d, from));
    s1 = hn::Add(s1, hn::LoadU(d, from + lanes));
    s2 = hn::Add(s2, hn::LoadU(d, from + 2 * lanes));
    s3 = hn::Add(s3, hn::LoadU(d, from + 3 * lanes));
    s4 = hn::Add(s4, hn::LoadU(d, from + 4 * lanes));
    s5 = hn::Add(s5, hn::LoadU(d, from + 5 * lanes));
    s6 = hn::Add(s6, hn::LoadU(d, from + 6 * lanes));
    s7 = hn::Add(s7, hn::LoadU(d, from + 7 * lanes));
  }
  BlendInto(alpha, s0, beta, sums);
  BlendInto(alpha, s1, beta, sums + lanes);
  BlendInto(alpha, s2, beta, sums + 2 * lanes);
  BlendInto(alpha, s3, beta, sums + 3 * lanes);
  BlendInto(alpha, s4, beta, sums + 4 * lanes);
  BlendInto(alpha, s5, beta, sums + 5 * lanes);
  BlendInto(alpha, s6, beta, sums + 6 * lanes);
  BlendInto(alpha, s7, beta, sums + 7 * lanes);
}

HWY_INLINE void NarrowStrip(float alpha, ConstMatrixView x, float beta, float* sums) {
  const Float d;
  FloatVector sum = hn::Zero(d);
  for (int64_t i = 0; i < x.rows; ++i) {
    sum = hn::Add(sum, hn::LoadU(d, x.data + i * x.stride));
  }
  BlendInto(alpha, sum, beta, sums);
}

HWY_INLINE void LastStrip(float alpha, ConstMatrixView x, float beta, float* sums, size_t left) {
  const Float d;
  FloatVector sum = hn::Zero(d);
  for (int64_t i = 0; i < x.rows; ++i) {
    sum = hn::Add(sum, LoadPartial(d, x.data + i * x.stride, left));
  }
  StorePartial(d, Blend(d, alpha, sum, beta, LoadPartial(d, sums, left)), sums, left);
}

// Each column is summed in the order of its rows, whichever strip it falls in.
void SumsOfRows(float alpha, ConstMatrixView x, float beta, float* sums) {
  const auto columns = static_cast<size_t>(x.columns);
  const size_t lanes = hn::Lanes(Float());
  size_t j = 0;
  for (; j + 8 * lanes <= columns; j += 8 * lanes) {
    WideStrip(alpha, {x.data + j, x.rows, x.columns, x.stride}, beta, sums + j);
  }
  for (; j + lanes <= columns; j += lanes) {
    NarrowStrip(alpha, {x.data + j, x.rows, x.columns, x.stride}, beta, sums + j);
  }
  if (j < columns) {
    LastStrip(alpha, {x.data + j, x.rows, x.columns, x.stride}, beta, sums + j, columns - j);
  }
}

void ColumnSumsTarget(float alpha, ConstMatrixView x, float beta, std::span<float> sums) {
  int64_t row = 0;
  do {
    const int64_t rows = std::min(kRowsPerSum, x.rows - row);
    SumsOfRows(alpha, x.Rows(row, rows), row == 0 ? beta : 1.0F, sums.data());
    row += rows;
  } while (row < x.rows);
}

void ScaleRowsTarget(std::span<const float> weights, MatrixView x) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto columns = static_cast<size_t>(x.columns);
  for (int64_t row = 0; row < x.rows; ++row) {
    const auto weight = hn::Set(d, weights[static_cast<size_t>(row)]);
    float* values = x.row(row).data();
    size_t i = 0;
    for (; i + lanes <= columns; i += lanes) {
      hn::StoreU(hn::Mul(weight, hn::LoadU(d, values + i)), d, values + i);
    }
    if (i < columns) {
      const auto tail = LoadPartial(d, values + i, columns - i);
      StorePartial(d, hn::Mul(weight, tail), values + i, columns - i);
    }
  }
}

HWY_INLINE void AddSquares(Float d, FloatVector v, DoubleVector& lower, DoubleVector& upper) {
  const auto low = PromoteLower(d, v);
  const auto high = PromoteUpper(d, v);
  lower = hn::MulAdd(low, low, lower);
  upper = hn::MulAdd(high, high, upper);
}

// Two vectors at a time, so that four sums hide the latency of an addition.
double SquaredNormTarget(ConstMatrixView x) {
  const Float d;
  const Double dd;
  const size_t lanes = hn::Lanes(d);
  const auto columns = static_cast<size_t>(x.columns);
  DoubleVector s0 = hn::Zero(dd), s1 = s0, s2 = s0, s3 = s0;
  for (int64_t row = 0; row < x.rows; ++row) {
    const float* values = x.data + row * x.stride;
    size_t i = 0;
    for (; i + 2 * lanes <= columns; i += 2 * lanes) {
      AddSquares(d, hn::LoadU(d, values + i), s0, s1);
      AddSquares(d, hn::LoadU(d, values + i + lanes), s2, s3);
    }
    if (i + lanes <= columns) {
      AddSquares(d, hn::LoadU(d, values + i), s0, s1);
      i += lanes;
    }
    if (i < columns) AddSquares(d, LoadPartial(d, values + i, columns - i), s2, s3);
  }
  return SumLanes(dd, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

// 0·x is 0 for finite x and NaN for the others, and a NaN stays in a sum.
bool AllFinite(const float* x, size_t count) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  auto s0 = zero, s1 = zero;
  size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    s0 = hn::MulAdd(hn::LoadU(d, x + i), zero, s0);
    s1 = hn::MulAdd(hn::LoadU(d, x + i + lanes), zero, s1);
  }
  for (; i < count; i += lanes) {
    const size_t left = count - i;
    const auto v = left >= lanes ? hn::LoadU(d, x + i) : LoadPartial(d, x + i, left);
    s0 = hn::MulAdd(v, zero, s0);
  }
  return hn::AllTrue(d, hn::Eq(hn::Add(s0, s1), zero));
}

HWY_INLINE void AddMagnitudes(Float d, FloatVector v, DoubleVector& lower, DoubleVector& upper) {
  const auto magnitude = hn::Abs(v);
  lower = hn::Add(lower, PromoteLower(d, magnitude));
  upper = hn::Add(upper, PromoteUpper(d, magnitude));
}

// One type a penalty: its gradient at w, and its terms in two sums of doubles.
struct L1Penalty {
  static HWY_INLINE FloatVector AddGradient(Float d, float strength, FloatVector w,
                                            FloatVector gradient) {
    const auto sign = hn::CopySign(hn::Set(d, strength), w);
    return hn::Add(gradient, hn::IfThenZeroElse(hn::Eq(w, hn::Zero(d)), sign));
  }
  static HWY_INLINE void AddTerms(Float d, FloatVector w, DoubleVector& s0, DoubleVector& s1) {
    AddMagnitudes(d, w, s0, s1);
  }
};

struct L2Penalty {
  static HWY_INLINE FloatVector AddGradient(Float d, float strength, FloatVector w,
                                            FloatVector gradient) {
    return hn::MulAdd(hn::Set(d, strength), w, gradient);
  }
  static HWY_INLINE void AddTerms(Float d, FloatVector w, DoubleVector& s0, DoubleVector& s1) {
    AddSquares(d, w, s0, s1);
  }
};

// Returns Σ|w| or Σw².
template <class Penalty>
double AddPenaltyOf(float strength, ConstMatrixView w, MatrixView gradient) {
  const Float d;
  const Double dd;
  const size_t lanes = hn::Lanes(d);
  const auto columns = static_cast<size_t>(w.columns);
  DoubleVector s0 = hn::Zero(dd), s1 = s0;
  for (int64_t row = 0; row < w.rows; ++row) {
    const float* from = w.data + row * w.stride;
    float* to = gradient.data + row * gradient.stride;
    size_t i = 0;
    for (; i + lanes <= columns; i += lanes) {
      const auto v = hn::LoadU(d, from + i);
      Penalty::AddTerms(d, v, s0, s1);
      hn::StoreU(Penalty::AddGradient(d, strength, v, hn::LoadU(d, to + i)), d, to + i);
    }
    if (i < columns) {
      const size_t left = columns - i;
      const auto v = LoadPartial(d, from + i, left);
      const auto old = LoadPartial(d, to + i, left);
      Penalty::AddTerms(d, v, s0, s1);
      StorePartial(d, Penalty::AddGradient(d, strength, v, old), to + i, left);
    }
  }
  return SumLanes(dd, hn::Add(s0, s1));
}

double AddPenaltyTarget(float l1, float l2, ConstMatrixView w, MatrixView gradient) {
  double penalty = 0;
  if (l1 != 0) penalty += static_cast<double>(l1) * AddPenaltyOf<L1Penalty>(l1, w, gradient);
  if (l2 != 0) penalty += 0.5 * static_cast<double>(l2) * AddPenaltyOf<L2Penalty>(l2, w, gradient);
  return penalty;
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {
namespace {

HWY_EXPORT(ColumnSumsTarget);
HWY_EXPORT(ScaleRowsTarget);
HWY_EXPORT(SquaredNormTarget);
HWY_EXPORT(AllFinite);
HWY_EXPORT(AddPenaltyTarget);

// Elements looked at in one go before the faulty one is searched for.
constexpr int64_t kScanBlock = 4096;

// Index of the first element of x[0, count) that is not finite, or count.
int64_t FirstNonFinite(const float* x, int64_t count) {
  for (int64_t i = 0; i < count; i += kScanBlock) {
    const int64_t size = std::min(kScanBlock, count - i);
    if (HWY_DYNAMIC_DISPATCH(AllFinite)(x + i, static_cast<size_t>(size))) continue;
    const auto is_fault = [](float value) { return !std::isfinite(value); };
    return std::find_if(x + i, x + i + size, is_fault) - x;
  }
  return count;
}

}  // namespace

void ColumnSums(float alpha, ConstMatrixView x, float beta, std::span<float> sums) {
  HWY_DYNAMIC_DISPATCH(ColumnSumsTarget)(alpha, x, beta, sums);
}

void ScaleRows(std::span<const float> weights, MatrixView x) {
  HWY_DYNAMIC_DISPATCH(ScaleRowsTarget)(weights, x);
}

double SquaredNorm(std::span<const float> x) {
  return SquaredNorm(ConstMatrixView(x.data(), 1, static_cast<int64_t>(x.size())));
}

double SquaredNorm(ConstMatrixView x) { return HWY_DYNAMIC_DISPATCH(SquaredNormTarget)(x); }

std::optional<Position> FindNonFinite(ConstMatrixView x) {
  if (x.size() == 0) return std::nullopt;
  if (x.contiguous()) {
    const int64_t index = FirstNonFinite(x.data, x.size());
    if (index == x.size()) return std::nullopt;
    return Position{index / x.columns, index % x.columns};
  }
  for (int64_t row = 0; row < x.rows; ++row) {
    const int64_t column = FirstNonFinite(x.data + row * x.stride, x.columns);
    if (column < x.columns) return Position{row, column};
  }
  return std::nullopt;
}

double AddPenalty(float l1, float l2, ConstMatrixView w, MatrixView gradient) {
  if (l1 == 0 && l2 == 0) return 0;
  return HWY_DYNAMIC_DISPATCH(AddPenaltyTarget)(l1, l2, w, gradient);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
