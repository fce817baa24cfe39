// How far a float is from an exact value, in units in the last place.
#ifndef CHAINRULE_TESTS_ENGINE_KERNELS_ULP_H_
#define CHAINRULE_TESTS_ENGINE_KERNELS_ULP_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace chainrule::engine {

// A unit is the distance of the floats around `expected`, at least the smallest
// denormal. Infinite if one of the two is NaN or infinite (as a float) and the other
// is not the same.
inline double UlpError(float actual, double expected) {
  if (std::isnan(actual) || std::isnan(expected)) {
    return std::isnan(actual) && std::isnan(expected) ? 0 : HUGE_VAL;
  }
  const auto rounded = static_cast<float>(expected);
  if (std::isinf(actual) || std::isinf(rounded)) return actual == rounded ? 0 : HUGE_VAL;
  // The exponent from the bits, for std::ilogb and std::ldexp would take most of the
  // time of the exhaustive comparison: 2^exponent ≤ |expected|, 2^−126 at least.
  constexpr int kBias = 1023;
  constexpr int kMantissaBits = 52;
  const int biased = static_cast<int>(std::bit_cast<uint64_t>(expected) >> kMantissaBits & 0x7FF);
  const int exponent = std::max(biased - kBias, std::numeric_limits<float>::min_exponent - 1);
  const int unit = exponent - (std::numeric_limits<float>::digits - 1);
  const auto per_unit = std::bit_cast<double>(static_cast<uint64_t>(kBias - unit) << kMantissaBits);
  return std::abs(static_cast<double>(actual) - expected) * per_unit;
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_KERNELS_ULP_H_
