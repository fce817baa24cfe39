#include "engine/kernels/dropout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/dropout.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;
using Word = hn::RebindToUnsigned<Float>;
using WordVector = hn::Vec<Word>;

// One block of random numbers a lane.
struct Blocks {
  WordVector words[4];
};

struct Product {
  WordVector high;
  WordVector low;
};

// a·multiplier, 64 bits a lane.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE Product MultiplyWide(Word d, WordVector a, uint32_t multiplier) {
  const uint64_t product = uint64_t{hn::GetLane(a)} * multiplier;
  return {hn::Set(d, static_cast<uint32_t>(product >> 32)),
          hn::Set(d, static_cast<uint32_t>(product))};
}
#else
HWY_INLINE Product MultiplyWide(Word d, WordVector a, uint32_t multiplier) {
  const hn::RepartitionToWide<Word> wide;
  const auto m = hn::Set(d, multiplier);
  const auto odd_lanes = hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a)));
  const auto even = hn::MulEven(a, m);
  const auto odd = hn::MulEven(odd_lanes, m);
  return {hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even))),
          hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even))};
}
#endif

// Philox4x32's ten rounds (random.h) of as many counters.
HWY_INLINE void Encrypt(Word d, std::array<uint32_t, 2> key, Blocks* blocks) {
  WordVector* const w = blocks->words;
  for (int round = 0; round < Philox::kRounds; ++round) {
    const Product p0 = MultiplyWide(d, w[0], Philox::kMultiplier0);
    const Product p1 = MultiplyWide(d, w[2], Philox::kMultiplier1);
    w[0] = hn::Xor(hn::Xor(p1.high, w[1]), hn::Set(d, key[0]));
    w[2] = hn::Xor(hn::Xor(p0.high, w[3]), hn::Set(d, key[1]));
    w[1] = p1.low;
    w[3] = p0.low;
    key[0] += Philox::kWeyl0;
    key[1] += Philox::kWeyl1;
  }
}

// Blocks [first, first + Lanes(d)) of the stream.
HWY_INLINE Blocks RandomBlocks(Word d, const RandomStream& stream, uint64_t first) {
  const auto low = static_cast<uint32_t>(first);
  const auto high = static_cast<uint32_t>(first >> 32);
  Blocks blocks;
  blocks.words[0] = hn::Iota(d, low);
  const auto wrapped = hn::Lt(blocks.words[0], hn::Set(d, low));
  blocks.words[1] = hn::IfThenElse(wrapped, hn::Set(d, high + 1), hn::Set(d, high));
  blocks.words[2] = hn::Set(d, stream.words()[0]);
  blocks.words[3] = hn::Set(d, stream.words()[1]);
  Encrypt(d, stream.key(), &blocks);
  return blocks;
}

// The masks of numbers [4·first, 4·first + 4·Lanes(d)) of the stream. u < p is a
// comparison of whole numbers: u is 24 bits /2²⁴, `threshold` ⌈p·2²⁴⌉.
HWY_INLINE void WriteMasks(const RandomStream& stream, uint64_t first, int32_t threshold,
                           float kept, float* mask) {
  const Float d;
  const Word words;
  const hn::RebindToSigned<Float> ints;
  const Blocks blocks = RandomBlocks(words, stream, first);
  hn::Vec<Float> masks[4];
  for (int k = 0; k < 4; ++k) {
    const auto bits = hn::BitCast(ints, hn::ShiftRight<8>(blocks.words[k]));
    const auto dropped = hn::RebindMask(d, hn::Lt(bits, hn::Set(ints, threshold)));
    masks[k] = hn::IfThenZeroElse(dropped, hn::Set(d, kept));
  }
  hn::StoreInterleaved4(masks[0], masks[1], masks[2], masks[3], d, mask);
}

// The masks of numbers [index, index + count). What does not begin or end with a vector of
// blocks goes by way of a buffer.
void MaskRow(const RandomStream& stream, float probability, uint64_t index, float* mask,
             size_t count) {
  constexpr size_t kMostNumbers = 4 * hn::MaxLanes(Float());
  const size_t lanes = hn::Lanes(Float());
  const size_t numbers = 4 * lanes;
  const auto threshold = static_cast<int32_t>(std::ceil(std::ldexp(double{probability}, 24)));
  const float kept = 1.0F / (1.0F - probability);
  uint64_t block = index / 4;
  size_t skip = index % 4;
  for (size_t done = 0; done < count; block += lanes, skip = 0) {
    if (skip == 0 && count - done >= numbers) {
      WriteMasks(stream, block, threshold, kept, mask + done);
      done += numbers;
      continue;
    }
    HWY_ALIGN float some[kMostNumbers];
    WriteMasks(stream, block, threshold, kept, some);
    const size_t used = std::min(count - done, numbers - skip);
    std::copy_n(some + skip, used, mask + done);
    done += used;
  }
}

void DropoutMaskTarget(const DropoutLayer& layer, int64_t row, int64_t unit, MatrixView mask) {
  for (int64_t i = 0; i < mask.rows; ++i) {
    MaskRow(*layer.stream, layer.probability, layer.IndexOf(row + i, unit), mask.row(i).data(),
            static_cast<size_t>(mask.columns));
  }
}

void MultiplyTarget(ConstMatrixView a, ConstMatrixView b, MatrixView product) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto columns = static_cast<size_t>(product.columns);
  for (int64_t row = 0; row < product.rows; ++row) {
    const float* const left = a.data + row * a.stride;
    const float* const right = b.data + row * b.stride;
    float* const to = product.data + row * product.stride;
    size_t i = 0;
    for (; i + lanes <= columns; i += lanes) {
      hn::StoreU(hn::Mul(hn::LoadU(d, left + i), hn::LoadU(d, right + i)), d, to + i);
    }
    if (i < columns) {
      const size_t rest = columns - i;
      const auto tail = hn::Mul(LoadPartial(d, left + i, rest), LoadPartial(d, right + i, rest));
      StorePartial(d, tail, to + i, rest);
    }
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(DropoutMaskTarget);
HWY_EXPORT(MultiplyTarget);

uint64_t DropoutLayer::IndexOf(int64_t row, int64_t unit) const {
  constexpr int kLayerShift = 48;
  const uint64_t width = (static_cast<uint64_t>(units) + 3) / 4 * 4;
  return (static_cast<uint64_t>(layer) << kLayerShift) + static_cast<uint64_t>(row) * width +
         static_cast<uint64_t>(unit);
}

void DropoutMask(const DropoutLayer& layer, int64_t row, int64_t unit, MatrixView mask) {
  HWY_DYNAMIC_DISPATCH(DropoutMaskTarget)(layer, row, unit, mask);
}

void Multiply(ConstMatrixView a, ConstMatrixView b, MatrixView product) {
  HWY_DYNAMIC_DISPATCH(MultiplyTarget)(a, b, product);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
