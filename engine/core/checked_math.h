// Sizes that a caller controls: arithmetic that says so when it overflows.
#ifndef CHAINRULE_ENGINE_CORE_CHECKED_MATH_H_
#define CHAINRULE_ENGINE_CORE_CHECKED_MATH_H_

#include <cstdint>
#include <optional>

namespace chainrule::engine {

inline std::optional<int64_t> CheckedMultiply(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

inline std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_CHECKED_MATH_H_
