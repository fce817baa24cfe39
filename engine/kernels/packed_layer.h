// PackedLayer: a layer's weights laid out for products with few rows, and the
// product itself, X·Wᵀ.
//   W: [units × inputs]   X: [rows × inputs]   Z: [rows × units]
// Each output is one chain, the same whatever the rows beside it and wherever it
// stands: within a block of kChainBlock inputs, in order,
//   s ← x·w + s, fused, from s = 0,
// and the blocks' sums are added in order. So a row's bits do not depend on the
// batch. Where the processor has no fused multiply-add (FusesMultiplyAdd) a step
// rounds twice, and bits are another kind's.
// Thread-safe: immutable once created; Multiply writes only to z.
#ifndef CHAINRULE_ENGINE_KERNELS_PACKED_LAYER_H_
#define CHAINRULE_ENGINE_KERNELS_PACKED_LAYER_H_

#include <cstdint>

#include "engine/core/aligned_buffer.h"
#include "engine/core/matrix.h"

namespace chainrule::engine {

// Part of the numbers' definition: another value gives other bits.
inline constexpr int64_t kChainBlock = 256;

// Which units come first; the bits are the same. Weights that are a little more than a cache
// are all out of it again when they are read in the same order each time: who turns round
// finds there what he read last.
enum class UnitOrder : uint8_t { kForwards, kBackwards };

class PackedLayer {
 public:
  // Reads `weights` ([units × inputs]) here only.
  explicit PackedLayer(ConstMatrixView weights);

  int64_t inputs() const { return inputs_; }
  int64_t units() const { return units_; }
  int64_t memory_bytes() const { return static_cast<int64_t>(panels_.size() * sizeof(float)); }

  // z ← x·Wᵀ. x: [rows × inputs], z: [rows × units], any number of rows; best
  // where x stays in the second cache.
  void Multiply(ConstMatrixView x, MatrixView z, UnitOrder order = UnitOrder::kForwards) const;

 private:
  int64_t inputs_;
  int64_t units_;
  int64_t panel_width_;   // the target's
  AlignedBuffer panels_;  // ⌈units/width⌉ panels [inputs × width], zeros beyond the last unit
};

// z ← x·Wᵀ of weights as they lie, which are packed on the way, a panel at a time: the same
// bits as PackedLayer's, for weights that are used once.
void ChainMultiply(ConstMatrixView x, ConstMatrixView weights, MatrixView z);
// z ← x·V, as ChainMultiply(x, Vᵀ, z). V: [inputs × units].
void ChainMultiplyTurned(ConstMatrixView x, ConstMatrixView turned, MatrixView z);

// z ← x·Wᵀ by the chain's definition, one output at a time: the twin, equal to the bit.
void NaiveChainMultiply(ConstMatrixView weights, ConstMatrixView x, MatrixView z);

// Whether the SIMD target in use has a fused multiply-add.
bool FusesMultiplyAdd();
// Whether the target that runs has 32 registers for vectors, or 16.
bool HasManyRegisters();

// The SIMD target in use, such as "AVX3".
const char* SimdTargetName();

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_PACKED_LAYER_H_
