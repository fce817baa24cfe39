#include "engine/nn/forward_kernel.h"

#include <algorithm>

#include "engine/kernels/dot_products.h"
#include "engine/kernels/packed_layer.h"

namespace chainrule::engine {
namespace {

// By measurement against sgemm: adr/0001-forward-without-sgemm.md.

// OpenBLAS has kernels of its own for fewer outputs, which do not pack.
constexpr int64_t kLeastOutputs = 1'200;

// With more rows packing is paid back, with few inputs the sums of lanes are not. The
// inputs take a quarter of a second-level cache.
bool DotsSuit(int64_t rows, int64_t inputs) {
  return rows <= 128 && inputs >= std::max<int64_t>(128, 2 * rows) && rows * inputs <= 131'072;
}

// Whole panels, and inputs that do not fill a second-level cache: all rows pass for each
// panel of units, where sgemm would block them.
bool ChainsSuit(int64_t rows, int64_t units, int64_t inputs) {
  return units >= 32 && rows * inputs < 524'288;
}

}  // namespace

TileKernel ForwardKernel(int64_t rows, int64_t units, int64_t inputs) {
  if (rows * units < kLeastOutputs) return nullptr;
  if (DotsSuit(rows, inputs)) return DotProducts;
  if (ChainsSuit(rows, units, inputs)) return ChainMultiply;
  return nullptr;
}

}  // namespace chainrule::engine
