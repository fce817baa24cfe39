#include "engine/core/random.h"

#include <cmath>
#include <numbers>

namespace chainrule::engine {
namespace {

using Words = std::array<uint32_t, 4>;

constexpr uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
constexpr uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

constexpr Words Round(const Words& counter, uint32_t key0, uint32_t key1) {
  const uint64_t product0 = uint64_t{Philox::kMultiplier0} * counter[0];
  const uint64_t product1 = uint64_t{Philox::kMultiplier1} * counter[2];
  return {High(product1) ^ counter[1] ^ key0, Low(product1), High(product0) ^ counter[3] ^ key1,
          Low(product0)};
}

constexpr uint64_t Join(uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; }

// The upper 53 bits as a fraction: [0, 1) in steps of 2^−53.
double Fraction(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

}  // namespace

Words Philox4x32(Words counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < Philox::kRounds; ++round) {
    counter = Round(counter, key[0], key[1]);
    key[0] += Philox::kWeyl0;
    key[1] += Philox::kWeyl1;
  }
  return counter;
}

// The step's upper bits share a word with the purpose.
RandomStream::RandomStream(int64_t seed, RandomPurpose purpose, int64_t step)
    : key_{Low(static_cast<uint64_t>(seed)), High(static_cast<uint64_t>(seed))},
      words_{Low(static_cast<uint64_t>(step)), static_cast<uint32_t>(purpose) << 24 |
                                                   (High(static_cast<uint64_t>(step)) & 0xFFFFFF)} {
}

Words RandomStream::Bits(uint64_t index) const {
  return Philox4x32({Low(index), High(index), words_[0], words_[1]}, key_);
}

float RandomStream::Uniform(uint64_t index) const {
  return static_cast<float>(Bits(index / 4)[index % 4] >> 8) * 0x1p-24F;
}

double RandomStream::Normal(uint64_t index) const {
  const Words bits = Bits(index);
  const double radius_uniform = 1.0 - Fraction(Join(bits[0], bits[1]));  // (0, 1]: ln is finite
  const double angle = 2.0 * std::numbers::pi * Fraction(Join(bits[2], bits[3]));
  return std::sqrt(-2.0 * std::log(radius_uniform)) * std::cos(angle);
}

uint64_t RandomStream::Below(uint64_t index, uint64_t bound) const {
  const Words bits = Bits(index);
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{Join(bits[0], bits[1])} * bound >> 64);
}

}  // namespace chainrule::engine
