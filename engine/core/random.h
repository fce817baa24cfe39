// Counter-based random numbers: Philox4x32-10 (J. K. Salmon et al., "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011).  A number is a pure function of
// (seed, purpose, step, index): no state, the same on every machine, in any order
// and from any thread.
#ifndef CHAINRULE_ENGINE_CORE_RANDOM_H_
#define CHAINRULE_ENGINE_CORE_RANDOM_H_

#include <array>
#include <cstdint>

namespace chainrule::engine {

// What a stream of numbers is for, so that no two uses share one. Values are
// part of the format: they decide the bits of every trained model.
enum class RandomPurpose : uint32_t {
  kInitializer = 1,      // step: the layer
  kShuffle = 2,          // step: the model step that the call began at + the epoch
  kDropout = 3,          // step: the optimizer step; index: layer and element
  kValidationSplit = 4,  // step: 0
  kGradientCheck = 5,
};

// Multipliers and key increments (golden ratio, √3 − 1) of the paper.
struct Philox {
  static constexpr uint32_t kMultiplier0 = 0xD2511F53;
  static constexpr uint32_t kMultiplier1 = 0xCD9E8D57;
  static constexpr uint32_t kWeyl0 = 0x9E3779B9;
  static constexpr uint32_t kWeyl1 = 0xBB67AE85;
  static constexpr int kRounds = 10;
};

// The bijection itself, as the paper has it: ten rounds.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// RandomStream: the numbers of one (seed, purpose, step), addressed by index.
// Streams are distinct for steps of [0, 2^56).  Thread-safe: immutable.
class RandomStream {
 public:
  RandomStream(int64_t seed, RandomPurpose purpose, int64_t step);

  // 4 × 32 uniform bits: block `index` of the stream.
  std::array<uint32_t, 4> Bits(uint64_t index) const;
  // Uniform in [0, 1), 24 bits; the numbers 4·k … 4·k+3 share block k.
  float Uniform(uint64_t index) const;
  // Standard normal, by the Box–Muller transform of block `index`, in double.
  double Normal(uint64_t index) const;
  // Uniform in [0, bound), from block `index`, without bias worth naming (64-bit
  // multiply-shift). Requires bound > 0.
  uint64_t Below(uint64_t index, uint64_t bound) const;

  // Block i is Philox4x32({i's lower word, i's upper word, words()}, key()).
  const std::array<uint32_t, 2>& key() const { return key_; }
  const std::array<uint32_t, 2>& words() const { return words_; }

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 2> words_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_RANDOM_H_
