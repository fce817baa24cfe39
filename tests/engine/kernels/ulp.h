// How far a float is from an exact value, in units in the last place.
#ifndef CHAINRULE_TESTS_ENGINE_KERNELS_ULP_H_
#define CHAINRULE_TESTS_ENGINE_KERNELS_ULP_H_

#include <algorithm>
#include <cmath>
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
  constexpr int kDigits = std::numeric_limits<float>::digits;
  constexpr int kLowest = std::numeric_limits<float>::min_exponent;
  const int exponent = expected == 0 ? kLowest : std::max(std::ilogb(expected) + 1, kLowest);
  return std::ldexp(std::abs(static_cast<double>(actual) - expected), kDigits - exponent);
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_KERNELS_ULP_H_
