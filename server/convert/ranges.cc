#include "server/convert/ranges.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace chainrule::server {
namespace {

bool Holds(const Range& range, double value) { return std::isfinite(value) && range.holds(value); }

}  // namespace

void CheckDouble(double value, const Range& range, absl::string_view field,
                 Violations* violations) {
  if (Holds(range, value)) return;
  violations->Add(field, absl::StrCat(EchoNumber(value), "; must be ", range.text));
}

float CheckFloat(double value, const Range& range, absl::string_view field,
                 Violations* violations) {
  if (!Holds(range, value)) {
    CheckDouble(value, range, field, violations);
    return 0;
  }
  // Beyond the largest float32 the conversion is undefined, so compare first.
  const bool fits = std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
  const float rounded = fits ? static_cast<float>(value) : 0;
  if (fits && Holds(range, static_cast<double>(rounded))) return rounded;
  violations->Add(field, absl::StrCat(EchoNumber(value), "; must be ", range.text, " as float32"));
  return 0;
}

void CheckAtLeast(int64_t value, int64_t minimum, absl::string_view field, Violations* violations) {
  if (value >= minimum) return;
  violations->Add(field, absl::StrCat(value, "; must be ", minimum, " or more"));
}

}  // namespace chainrule::server
