#include "engine/nn/product_kernels.h"

#include <algorithm>

#include "engine/kernels/direct_product.h"
#include "engine/kernels/dot_products.h"
#include "engine/kernels/packed_layer.h"

namespace chainrule::engine {
namespace {

// By measurement against sgemm: adr/0001-products-without-sgemm.md.

// OpenBLAS has kernels of its own for smaller products, which do not pack.
constexpr int64_t kLeastOutputs = 1'200;
constexpr int64_t kLeastWork = 1'000'000;

// Floats of the operand that passes again and again: a quarter of a second-level cache.
constexpr int64_t kMostFloats = 131'072;

void Dots(float /*alpha*/, ConstMatrixView x, ConstMatrixView w, float /*beta*/, MatrixView z) {
  DotProducts(x, w, z);
}

void Chains(float /*alpha*/, ConstMatrixView x, ConstMatrixView w, float /*beta*/, MatrixView z) {
  ChainMultiply(x, w, z);
}

void TurnedChains(float /*alpha*/, ConstMatrixView dz, ConstMatrixView w, float /*beta*/,
                  MatrixView dx) {
  ChainMultiplyTurned(dz, w, dx);
}

// With 16 registers for vectors, tiles are half as large as with 32, and what is not packed is
// read twice as often: that pays for few rows, or in a layer of few units; and panels packed on
// the way in a layer of few weights.
constexpr int64_t kFewRows = 32;
constexpr int64_t kFewUnits = 16;
constexpr int64_t kFewWeights = 4'096;

bool UnpackedPays(int64_t rows, int64_t units) {
  return HasManyRegisters() || rows <= kFewRows || units <= kFewUnits;
}

bool PanelsPay(int64_t units, int64_t inputs) {
  return HasManyRegisters() || units * inputs <= kFewWeights;
}

// With more rows packing is paid back, with few inputs the sums of lanes are not.
bool DotsSuit(int64_t batch, int64_t inputs) {
  return batch <= 128 && inputs >= std::max<int64_t>(128, 2 * batch) &&
         batch * inputs <= kMostFloats;
}

// Whole panels, and a block of inputs that stays in half a second-level cache: all rows
// pass for each panel of units.
bool ChainsSuit(int64_t batch, int64_t units, int64_t inputs) {
  return units >= 32 && batch * std::min(inputs, kChainBlock) <= 2 * kMostFloats;
}

// Of [rows × inner] with [inner × columns].
bool DirectSuits(int64_t rows, int64_t columns, int64_t inner) {
  return inner <= 256 && inner * columns <= kMostFloats && rows * columns * inner >= kLeastWork;
}

}  // namespace

TileKernel ForwardKernel(int64_t batch, int64_t units, int64_t inputs) {
  if (batch * units < kLeastOutputs) return nullptr;
  if (UnpackedPays(batch, units) && DotsSuit(batch, inputs)) return Dots;
  if (PanelsPay(units, inputs) && ChainsSuit(batch, units, inputs)) return Chains;
  return nullptr;
}

TileKernel InputGradientKernel(int64_t batch, int64_t units, int64_t inputs) {
  if (UnpackedPays(2 * batch, units) && DirectSuits(batch, inputs, units)) return DirectProduct;
  if (PanelsPay(units, inputs) && batch * inputs * units >= kLeastWork &&
      ChainsSuit(batch, inputs, units)) {
    return TurnedChains;
  }
  return nullptr;
}

TileKernel WeightGradientKernel(int64_t batch, int64_t units, int64_t inputs) {
  return UnpackedPays(batch / 2, units) && DirectSuits(units, inputs, batch) ? DirectProductOfTurned
                                                                             : nullptr;
}

}  // namespace chainrule::engine
