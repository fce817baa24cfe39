// A tile is kRows rows × some vectors of outputs: a step takes those vectors of a row of B, and
// an element of A for each row. A tile at the lower edge has its last row several times, and
// stores it once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/direct_product.cc"
// Tiles are arrays of vectors, which vectors of unknown size cannot be in.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
#include "engine/kernels/direct_product.h"

#include <algorithm>
#include <cstddef>

#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

#ifndef CHAINRULE_ENGINE_KERNELS_DIRECT_PRODUCT_ONCE
#define CHAINRULE_ENGINE_KERNELS_DIRECT_PRODUCT_ONCE
namespace chainrule::engine {

// What a target's kernel is called with. Element (i, k) of op(A) is a[i·a_row + k·a_inner].
struct DirectProductCall {
  float alpha;
  const float* a;
  int64_t a_row;
  int64_t a_inner;
  ConstMatrixView b;
  float beta;
  MatrixView c;
};

}  // namespace chainrule::engine
#endif  // CHAINRULE_ENGINE_KERNELS_DIRECT_PRODUCT_ONCE

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Floats = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Floats>;
constexpr int64_t kLanes = hn::MaxLanes(Floats());
// What fits 32 registers, or 16.
constexpr int64_t kRows = HWY_CAP_GE512 != 0 || HWY_TARGET == HWY_NEON ? 8 : 4;
constexpr int64_t kVectors = 3;

// Vector v of a row: whole, or the tile's last one at the right edge.
template <int64_t kCount, bool kPartial>
struct Columns {
  size_t left;  // of the last vector

  HWY_INLINE Vector Load(const float* row, int64_t v) const {
    const Floats d;
    return kPartial && v + 1 == kCount ? LoadPartial(d, row + v * kLanes, left)
                                       : hn::LoadU(d, row + v * kLanes);
  }
  HWY_INLINE void Store(Vector value, float* row, int64_t v) const {
    const Floats d;
    if (kPartial && v + 1 == kCount) {
      StorePartial(d, value, row + v * kLanes, left);
    } else {
      hn::StoreU(value, d, row + v * kLanes);
    }
  }
};

template <int64_t kCount, bool kPartial>
HWY_INLINE void RunTile(const DirectProductCall& call, int64_t row, int64_t column,
                        Columns<kCount, kPartial> columns) {
  const Floats d;
  const int64_t rows = std::min(kRows, call.c.rows - row);
  const float* a[kRows];
  Vector sums[kRows][kCount];
  for (int64_t i = 0; i < kRows; ++i) {
    a[i] = call.a + (row + std::min(i, rows - 1)) * call.a_row;
    for (int64_t v = 0; v < kCount; ++v) sums[i][v] = hn::Zero(d);
  }
  const float* b = call.b.data + column;
  for (int64_t k = 0; k < call.b.rows; ++k, b += call.b.stride) {
    Vector right[kCount];
    for (int64_t v = 0; v < kCount; ++v) right[v] = columns.Load(b, v);
    for (int64_t i = 0; i < kRows; ++i) {
      const Vector left = hn::Set(d, a[i][k * call.a_inner]);
      for (int64_t v = 0; v < kCount; ++v) sums[i][v] = hn::MulAdd(left, right[v], sums[i][v]);
    }
  }
  const Vector alpha = hn::Set(d, call.alpha);
  const Vector beta = hn::Set(d, call.beta);
  float* c = call.c.data + row * call.c.stride + column;
  for (int64_t i = 0; i < kRows; ++i, c += call.c.stride) {
    if (i >= rows) continue;
    for (int64_t v = 0; v < kCount; ++v) {
      const Vector product = hn::Mul(alpha, sums[i][v]);
      columns.Store(call.beta == 0 ? product : hn::MulAdd(beta, columns.Load(c, v), product), c, v);
    }
  }
}

// The last columns, fewer than kCount vectors.
template <int64_t kCount>
HWY_INLINE void RunEdge(const DirectProductCall& call, int64_t row, int64_t column) {
  const int64_t left = call.c.columns - column;
  if constexpr (kCount > 0) {
    if (left <= (kCount - 1) * kLanes) return RunEdge<kCount - 1>(call, row, column);
    const int64_t last = left - (kCount - 1) * kLanes;
    if (last == kLanes) return RunTile(call, row, column, Columns<kCount, false>{});
    RunTile(call, row, column, Columns<kCount, true>{static_cast<size_t>(last)});
  }
}

// Row by row of tiles: what is written stays in the first-level cache, B in the second.
void DirectProductTarget(const DirectProductCall& call) {
  constexpr int64_t kWidth = kVectors * kLanes;
  for (int64_t row = 0; row < call.c.rows; row += kRows) {
    int64_t column = 0;
    for (; column + kWidth <= call.c.columns; column += kWidth) {
      RunTile(call, row, column, Columns<kVectors, false>{});
    }
    RunEdge<kVectors>(call, row, column);
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(DirectProductTarget);

void DirectProduct(float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c) {
  HWY_DYNAMIC_DISPATCH(DirectProductTarget)({alpha, a.data, a.stride, 1, b, beta, c});
}

void DirectProductOfTurned(float alpha, ConstMatrixView a, ConstMatrixView b, float beta,
                           MatrixView c) {
  HWY_DYNAMIC_DISPATCH(DirectProductTarget)({alpha, a.data, 1, a.stride, b, beta, c});
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
