// Single numbers of a request: each check adds what is wrong to the violations.
#ifndef CHAINRULE_SERVER_CONVERT_RANGES_H_
#define CHAINRULE_SERVER_CONVERT_RANGES_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/convert/violations.h"

namespace chainrule::server {

// What a number may be. NaN is in none of them.
struct Range {
  absl::string_view text;  // "must be …"
  bool (*holds)(double value);
};
inline constexpr Range kPositive{"finite and above 0", [](double v) { return v > 0; }};
inline constexpr Range kNotNegative{"finite and 0 or more", [](double v) { return v >= 0; }};
inline constexpr Range kUnitInterval{"in [0, 1]", [](double v) { return v >= 0 && v <= 1; }};
inline constexpr Range kBelowOne{"in [0, 1)", [](double v) { return v >= 0 && v < 1; }};
inline constexpr Range kUpToOne{"in (0, 1]", [](double v) { return v > 0 && v <= 1; }};

// The number is finite and in the range.
void CheckDouble(double value, const Range& range, absl::string_view field, Violations* violations);
// The same also of the float32 that it becomes, which is returned (0 if it is refused):
// 1e-60 is not above 0 there.
float CheckFloat(double value, const Range& range, absl::string_view field, Violations* violations);
void CheckAtLeast(int64_t value, int64_t minimum, absl::string_view field, Violations* violations);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_RANGES_H_
