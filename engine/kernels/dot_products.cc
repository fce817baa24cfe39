// A tile is kRows rows × kUnits units of outputs, each with a vector of sums: a step takes a
// vector of inputs of each row and of each unit. A tile at the edge has its last row, or unit,
// several times, and stores it once.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/dot_products.cc"
// Tiles are arrays of vectors, which vectors of unknown size cannot be in.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
#include "engine/kernels/dot_products.h"

#include <algorithm>
#include <cstddef>

#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Floats = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Floats>;
constexpr size_t kLanes = hn::MaxLanes(Floats());
// What fits 32 registers, or 16.
constexpr size_t kRows = HWY_CAP_GE512 != 0 || HWY_TARGET == HWY_NEON ? 4 : 2;
constexpr size_t kUnits = 4;

struct Tile {
  const float* x[kRows];
  const float* w[kUnits];
  Vector sums[kRows][kUnits];
};

template <class Load>
HWY_INLINE void Step(Tile& tile, size_t k, Load load) {
  Vector w[kUnits];
  for (size_t j = 0; j < kUnits; ++j) w[j] = load(tile.w[j] + k);
  for (size_t i = 0; i < kRows; ++i) {
    const Vector x = load(tile.x[i] + k);
    for (size_t j = 0; j < kUnits; ++j) tile.sums[i][j] = hn::MulAdd(x, w[j], tile.sums[i][j]);
  }
}

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void SumsOfLanes(const Vector (&sums)[kUnits], float* to) {
  for (size_t j = 0; j < kUnits; ++j) to[j] = hn::GetLane(sums[j]);
}
#else
template <class D>
HWY_INLINE hn::Vec<hn::FixedTag<float, 4> > SumOfBlocks(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(d) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return SumOfBlocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// to[j] ← the sum of all lanes of sums[j]
HWY_INLINE void SumsOfLanes(const Vector (&sums)[kUnits], float* to) {
  const Floats d;
  const hn::Repartition<double, Floats> pairs;
  const auto fold = [&](Vector a, Vector b) {
    return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  };
  const auto low = hn::BitCast(pairs, fold(sums[0], sums[1]));
  const auto high = hn::BitCast(pairs, fold(sums[2], sums[3]));
  const Vector fours = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, low, high)),
                               hn::BitCast(d, hn::InterleaveUpper(pairs, low, high)));
  hn::StoreU(SumOfBlocks(d, fours), hn::FixedTag<float, 4>(), to);
}
#endif

// All rows' sums while they are in registers, whichever are wanted.
HWY_INLINE void StoreTile(const Tile& tile, size_t rows, size_t units, MatrixView z) {
  float* to = z.data;
  for (size_t i = 0; i < kRows; ++i, to += z.stride) {
    float sums[kUnits];
    const bool whole = i < rows && units == kUnits;
    SumsOfLanes(tile.sums[i], whole ? to : sums);
    if (!whole && i < rows) std::copy_n(sums, units, to);
  }
}

// The tile at z's corner.
HWY_INLINE void RunTile(ConstMatrixView x, ConstMatrixView w, MatrixView z) {
  const Floats d;
  const auto rows = std::min(kRows, static_cast<size_t>(x.rows));
  const auto units = std::min(kUnits, static_cast<size_t>(w.rows));
  const auto inputs = static_cast<size_t>(x.columns);
  Tile tile;
  for (size_t i = 0; i < kRows; ++i) {
    tile.x[i] = x.data + static_cast<int64_t>(std::min(i, rows - 1)) * x.stride;
    for (size_t j = 0; j < kUnits; ++j) tile.sums[i][j] = hn::Zero(d);
  }
  for (size_t j = 0; j < kUnits; ++j) {
    tile.w[j] = w.data + static_cast<int64_t>(std::min(j, units - 1)) * w.stride;
  }
  size_t k = 0;
  for (; k + kLanes <= inputs; k += kLanes) {
    Step(tile, k, [&](const float* from) { return hn::LoadU(d, from); });
  }
  if (k < inputs) {
    Step(tile, k, [&](const float* from) { return LoadPartial(d, from, inputs - k); });
  }
  StoreTile(tile, rows, units, z);
}

// The weights pass once; the inputs stay in the second-level cache.
void DotProductsTarget(ConstMatrixView x, ConstMatrixView w, MatrixView z) {
  for (int64_t j = 0; j < w.rows; j += kUnits) {
    const int64_t units = std::min<int64_t>(kUnits, w.rows - j);
    for (int64_t i = 0; i < x.rows; i += kRows) {
      const int64_t rows = std::min<int64_t>(kRows, x.rows - i);
      RunTile(x.Rows(i, rows), w.Rows(j, units), z.Block(i, j, rows, units));
    }
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(DotProductsTarget);

void DotProducts(ConstMatrixView x, ConstMatrixView w, MatrixView z) {
  HWY_DYNAMIC_DISPATCH(DotProductsTarget)(x, w, z);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
