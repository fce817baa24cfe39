#include "server/compute/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"

namespace chainrule::server {
namespace {

// An exponent of all ones is an infinity or a NaN. Without a branch, so that the
// compiler makes vectors of it.
bool AllFinite(std::span<const float> row) {
  constexpr uint32_t kExponent = 0x7f800000U;
  uint32_t special = 0;
  for (const float value : row) {
    special |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & kExponent) == kExponent);
  }
  return special == 0;
}

absl::Status NotFinite(std::span<const float> row, int64_t row_number) {
  const auto place = std::ranges::find_if(row, [](float value) { return !std::isfinite(value); });
  return engine::InvalidField(
      "inputs", absl::StrCat("row ", row_number, ", column ", place - row.begin(), ": ", *place,
                             "; must be finite"));
}

}  // namespace

absl::Status CheckFinite(engine::ConstMatrixView rows, int64_t first_row) {
  for (int64_t row = 0; row < rows.rows; ++row) {
    if (!AllFinite(rows.row(row))) return NotFinite(rows.row(row), first_row + row);
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
