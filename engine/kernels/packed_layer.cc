// Weights lie in panels of kPanelWidth units, two vectors of the target: for each input, the units'
// weights side by side, so a vector of outputs takes one vector of weights and one broadcast input
// a step. A tile is kRows rows × kVectors vectors of outputs, held in registers over a block of
// inputs. Tile shapes differ between processors and numbers of rows; the chain of an output does
// not.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/packed_layer.cc"
// Tiles are arrays of vectors, which vectors of unknown size cannot be in.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
#include "engine/kernels/packed_layer.h"

#include <hwy/foreach_target.h>  // NOLINT: must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

#ifndef CHAINRULE_ENGINE_KERNELS_PACKED_LAYER_ONCE
#define CHAINRULE_ENGINE_KERNELS_PACKED_LAYER_ONCE
namespace chainrule::engine {

// What a target's kernel is called with.
struct Product {
  const float* x;
  size_t x_stride;
  const float* panels;
  float* z;
  size_t z_stride;
  size_t inputs;
  size_t units;
  bool add = false;        // to what is in z: the sums of the blocks of inputs before these
  bool backwards = false;  // the last units first
};

// Some units' weights for some inputs, which are to be made a panel of.
struct PanelSource {
  const float* weights;
  size_t stride;
  size_t units;
  size_t inputs;
  bool turned = false;  // a row is an input's weights, as in a panel, and not a unit's
};

}  // namespace chainrule::engine
#endif  // CHAINRULE_ENGINE_KERNELS_PACKED_LAYER_ONCE

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Floats>;
constexpr size_t kLanes = hn::MaxLanes(Floats());
// A tile's sums: of 32 registers, or of 16, what leaves room for weights and inputs.
constexpr bool kManyRegisters = HWY_CAP_GE512 != 0 || HWY_TARGET == HWY_NEON;
constexpr size_t kSums = kManyRegisters ? 24 : 12;
// With AVX-512, 8 rows are faster than 10 or 12, and 16 sums are enough to keep two
// units busy.
constexpr size_t kMaxRows = kManyRegisters ? 8 : 6;
constexpr size_t kPanelWidth = 2 * kLanes;
constexpr size_t kBlock = static_cast<size_t>(kChainBlock);

// Vectors side by side in a tile of so many rows: with few rows more, to have
// enough chains under way and the weights streaming in.
constexpr size_t TileVectors(size_t rows) {
  return std::min<size_t>({8, std::bit_floor(kSums / rows)});
}

// Where the weights of unit `column` for input 0 are.
HWY_INLINE const float* WeightsAt(const Product& product, size_t column) {
  return product.panels + column / kPanelWidth * kPanelWidth * product.inputs +
         column % kPanelWidth;
}

template <size_t kRows, size_t kVectors>
using Sums = Vector[kRows][kVectors];

// z ← sums in the first block, z + sums after it. Without conditions within, so that the
// sums stay in registers.
template <size_t kRows, size_t kVectors, bool kFirst>
HWY_INLINE void StoreWhole(const Sums<kRows, kVectors>& sums, float* z, size_t stride) {
  const Floats d;
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      float* const to = z + r * stride + v * kLanes;
      hn::StoreU(kFirst ? sums[r][v] : hn::Add(hn::LoadU(d, to), sums[r][v]), d, to);
    }
  }
}

// The same of the first `units` columns.
template <size_t kRows, size_t kVectors>
HWY_INLINE void StoreSome(const Sums<kRows, kVectors>& sums, bool first, size_t units, float* z,
                          size_t stride) {
  const Floats d;
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors && v * kLanes < units; ++v) {
      HWY_ALIGN float lanes[kLanes];
      hn::Store(sums[r][v], d, lanes);
      float* const to = z + r * stride + v * kLanes;
      const size_t count = std::min(kLanes, units - v * kLanes);
      for (size_t i = 0; i < count; ++i) to[i] = first ? lanes[i] : to[i] + lanes[i];
    }
  }
}

// One tile over the inputs [begin, end), which is one block of the chain.
template <size_t kRows, size_t kVectors>
HWY_INLINE void TileBlock(const Product& product, size_t row, size_t column, size_t begin,
                          size_t end) {
  const Floats d;
  const size_t stride = product.x_stride;
  const float* HWY_RESTRICT x = product.x + row * stride;
  constexpr size_t kPanels = (kVectors + 1) / 2;  // of two vectors
  const float* HWY_RESTRICT weights[kPanels];
  for (size_t p = 0; p < kPanels; ++p) weights[p] = WeightsAt(product, column + p * kPanelWidth);
  Sums<kRows, kVectors> sums;
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  for (size_t k = begin; k < end; ++k) {
    Vector w[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      w[v] = hn::Load(d, weights[v / 2] + k * kPanelWidth + v % 2 * kLanes);
    }
    for (size_t r = 0; r < kRows; ++r) {
      const Vector input = hn::Set(d, x[r * stride + k]);
      for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(input, w[v], sums[r][v]);
    }
  }
  float* const z = product.z + row * product.z_stride + column;
  const bool first = begin == 0 && !product.add;
  if (column + kVectors * kLanes > product.units) {
    return StoreSome<kRows, kVectors>(sums, first, product.units - column, z, product.z_stride);
  }
  if (first) return StoreWhole<kRows, kVectors, true>(sums, z, product.z_stride);
  StoreWhole<kRows, kVectors, false>(sums, z, product.z_stride);
}

// Rows [begin, end), a multiple of kRows, of a tile's columns. The block's weights
// stay in the cache for all of the rows.
template <size_t kRows, size_t kVectors>
void Columns(const Product& product, size_t begin, size_t end, size_t column) {
  for (size_t k = 0; k < product.inputs; k += kBlock) {
    const size_t k_end = std::min(product.inputs, k + kBlock);
    for (size_t row = begin; row < end; row += kRows) {
      TileBlock<kRows, kVectors>(product, row, column, k, k_end);
    }
  }
}

// All columns from `first` on; a tile of which half would be beyond the last unit
// gives way to a narrower one.
template <size_t kRows, size_t kVectors>
void RowsFrom(const Product& product, size_t begin, size_t end, size_t first) {
  constexpr size_t kWidth = kVectors * kLanes;
  constexpr size_t kLeast = kVectors == 1 ? 0 : kWidth / 2;
  const size_t padded = (product.units + kPanelWidth - 1) / kPanelWidth * kPanelWidth;
  size_t last = first;
  while (last + kLeast < product.units && last + kWidth <= padded) last += kWidth;
  const auto run_narrower = [&] {
    if constexpr (kVectors > 1) RowsFrom<kRows, kVectors / 2>(product, begin, end, last);
  };
  if (product.backwards) run_narrower();
  for (size_t done = 0; done < last - first; done += kWidth) {
    const size_t column = product.backwards ? last - kWidth - done : first + done;
    Columns<kRows, kVectors>(product, begin, end, column);
  }
  if (!product.backwards) run_narrower();
}

template <size_t kRows>
void Rows(const Product& product, size_t begin, size_t end) {
  RowsFrom<kRows, TileVectors(kRows)>(product, begin, end, 0);
}

// The rows that are left when the largest tiles are done.
template <size_t kRows>
void LastRows(const Product& product, size_t begin, size_t end) {
  if (end - begin == kRows) return Rows<kRows>(product, begin, end);
  if constexpr (kRows > 1) LastRows<kRows - 1>(product, begin, end);
}

void MultiplyPacked(const Product& product, size_t rows) {
  const size_t whole = rows / kMaxRows * kMaxRows;
  if (whole > 0) Rows<kMaxRows>(product, 0, whole);
  if (whole < rows) LastRows<kMaxRows - 1>(product, whole, rows);
}

// The weights of four units for four inputs.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void TurnSquare(const float* from, size_t stride, float* to) {
  for (size_t k = 0; k < 4; ++k) {
    for (size_t unit = 0; unit < 4; ++unit) to[k * kPanelWidth + unit] = from[unit * stride + k];
  }
}
#else
HWY_INLINE void TurnSquare(const float* from, size_t stride, float* to) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> pairs;
  const auto a = hn::LoadU(d, from);
  const auto b = hn::LoadU(d, from + stride);
  const auto c = hn::LoadU(d, from + 2 * stride);
  const auto e = hn::LoadU(d, from + 3 * stride);
  const auto ab = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
  const auto ce = hn::BitCast(pairs, hn::InterleaveLower(d, c, e));
  const auto ab_up = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ce_up = hn::BitCast(pairs, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce)), d, to + kPanelWidth);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab_up, ce_up)), d, to + 2 * kPanelWidth);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab_up, ce_up)), d, to + 3 * kPanelWidth);
}
#endif

// A cache line of each unit's weights at a time, and the panel's part they go to is
// small enough for the first-level cache. Places of units that are not there are left alone.
void TurnPanel(const PanelSource& source, float* panel) {
  constexpr size_t kStep = 16;
  const size_t square_units = source.units / 4 * 4;
  const size_t square_inputs = source.inputs / 4 * 4;
  for (size_t begin = 0; begin < square_inputs; begin += kStep) {
    const size_t end = std::min(square_inputs, begin + kStep);
    for (size_t unit = 0; unit < square_units; unit += 4) {
      for (size_t k = begin; k < end; k += 4) {
        TurnSquare(source.weights + unit * source.stride + k, source.stride,
                   panel + k * kPanelWidth + unit);
      }
    }
  }
  for (size_t k = 0; k < source.inputs; ++k) {
    for (size_t unit = k < square_inputs ? square_units : 0; unit < source.units; ++unit) {
      panel[k * kPanelWidth + unit] = source.weights[unit * source.stride + k];
    }
  }
}

void CopyPanel(const PanelSource& source, float* panel) {
  for (size_t k = 0; k < source.inputs; ++k) {
    std::copy_n(source.weights + k * source.stride, source.units, panel + k * kPanelWidth);
  }
}

void MakePanel(const PanelSource& all, size_t unit, size_t units, size_t k, size_t inputs,
               float* panel) {
  if (units < kPanelWidth) std::fill_n(panel, kBlock * kPanelWidth, 0.0F);
  if (all.turned) {
    CopyPanel({all.weights + k * all.stride + unit, all.stride, units, inputs}, panel);
  } else {
    TurnPanel({all.weights + unit * all.stride + k, all.stride, units, inputs}, panel);
  }
}

// Block by block of inputs, which stay in the second-level cache while all panels pass; each
// panel's part stays in the first while all rows pass.
void MultiplyUnpacked(const Product& product, const PanelSource& weights, size_t rows) {
  HWY_ALIGN float panel[kBlock * kPanelWidth];
  for (size_t k = 0; k < weights.inputs; k += kBlock) {
    Product part = product;
    part.x = product.x + k;
    part.panels = panel;
    part.inputs = std::min(kBlock, weights.inputs - k);
    part.add = k > 0;
    for (size_t unit = 0; unit < weights.units; unit += kPanelWidth) {
      part.units = std::min(kPanelWidth, weights.units - unit);
      part.z = product.z + unit;
      MakePanel(weights, unit, part.units, k, part.inputs, panel);
      MultiplyPacked(part, rows);
    }
  }
}

size_t PanelWidth() { return kPanelWidth; }

bool Fuses() { return HWY_NATIVE_FMA != 0; }

bool ManyRegisters() { return kManyRegisters; }

const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(MultiplyPacked);
HWY_EXPORT(MultiplyUnpacked);
HWY_EXPORT(TurnPanel);
HWY_EXPORT(PanelWidth);
HWY_EXPORT(Fuses);
HWY_EXPORT(ManyRegisters);
HWY_EXPORT(TargetName);

namespace {

PanelSource SourceOf(ConstMatrixView weights) {
  return {.weights = weights.data,
          .stride = static_cast<size_t>(weights.stride),
          .units = static_cast<size_t>(weights.rows),
          .inputs = static_cast<size_t>(weights.columns)};
}

Product ProductOf(ConstMatrixView x, MatrixView z) {
  return {.x = x.data,
          .x_stride = static_cast<size_t>(x.stride),
          .panels = nullptr,
          .z = z.data,
          .z_stride = static_cast<size_t>(z.stride),
          .inputs = static_cast<size_t>(x.columns),
          .units = static_cast<size_t>(z.columns)};
}

}  // namespace

PackedLayer::PackedLayer(ConstMatrixView weights)
    : inputs_(weights.columns),
      units_(weights.rows),
      panel_width_(static_cast<int64_t>(HWY_DYNAMIC_DISPATCH(PanelWidth)())) {
  const int64_t padded = (units_ + panel_width_ - 1) / panel_width_ * panel_width_;
  panels_ = AlignedBuffer(static_cast<size_t>(padded * inputs_));
  for (int64_t unit = 0; unit < units_; unit += panel_width_) {
    const int64_t count = std::min(panel_width_, units_ - unit);
    HWY_DYNAMIC_DISPATCH(TurnPanel)
    (SourceOf(weights.Rows(unit, count)), panels_.data() + unit * inputs_);
  }
}

void PackedLayer::Multiply(ConstMatrixView x, MatrixView z, UnitOrder order) const {
  Product product = ProductOf(x, z);
  product.panels = panels_.data();
  product.backwards = order == UnitOrder::kBackwards;
  HWY_DYNAMIC_DISPATCH(MultiplyPacked)(product, static_cast<size_t>(x.rows));
}

void ChainMultiply(ConstMatrixView x, ConstMatrixView weights, MatrixView z) {
  HWY_DYNAMIC_DISPATCH(MultiplyUnpacked)
  (ProductOf(x, z), SourceOf(weights), static_cast<size_t>(x.rows));
}

void ChainMultiplyTurned(ConstMatrixView x, ConstMatrixView turned, MatrixView z) {
  const PanelSource weights = {.weights = turned.data,
                               .stride = static_cast<size_t>(turned.stride),
                               .units = static_cast<size_t>(turned.columns),
                               .inputs = static_cast<size_t>(turned.rows),
                               .turned = true};
  HWY_DYNAMIC_DISPATCH(MultiplyUnpacked)(ProductOf(x, z), weights, static_cast<size_t>(x.rows));
}

void NaiveChainMultiply(ConstMatrixView weights, ConstMatrixView x, MatrixView z) {
  const bool fused = FusesMultiplyAdd();
  for (int64_t i = 0; i < z.rows; ++i) {
    for (int64_t j = 0; j < z.columns; ++j) {
      float total = 0.0F;
      for (int64_t begin = 0; begin < x.columns; begin += kChainBlock) {
        float sum = 0.0F;
        for (int64_t k = begin; k < std::min(x.columns, begin + kChainBlock); ++k) {
          sum = fused ? std::fma(x(i, k), weights(j, k), sum) : x(i, k) * weights(j, k) + sum;
        }
        total = begin == 0 ? sum : total + sum;
      }
      z(i, j) = total;
    }
  }
}

bool FusesMultiplyAdd() { return HWY_DYNAMIC_DISPATCH(Fuses)(); }

bool HasManyRegisters() { return HWY_DYNAMIC_DISPATCH(ManyRegisters)(); }

const char* SimdTargetName() { return HWY_DYNAMIC_DISPATCH(TargetName)(); }

}  // namespace chainrule::engine
#endif  // HWY_ONCE
