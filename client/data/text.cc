#include "client/data/text.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

constexpr size_t kLongestEcho = 40;

// Bytes of the character whose first byte is `lead`; 0 where none begins so.
size_t LengthOf(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

// What the first two bytes of a longer character must not be: overlong forms, surrogates,
// and what lies beyond U+10FFFF.
bool IsForbidden(unsigned char lead, unsigned char second) {
  return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ||
         (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90);
}

// Whether a character of `length` bytes lies at the front of `text`.
bool IsCharacter(absl::string_view text, size_t length) {
  if (length == 0 || length > text.size()) return false;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
  }
  return length == 1 ||
         !IsForbidden(static_cast<unsigned char>(text[0]), static_cast<unsigned char>(text[1]));
}

}  // namespace

absl::StatusOr<float> ParseNumber(absl::string_view cell) {
  float value = 0;
  if (absl::StripAsciiWhitespace(cell).empty()) {
    return absl::InvalidArgumentError("no value, a number is needed");
  }
  if (!absl::SimpleAtof(cell, &value)) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(cell), " is not a number"));
  }
  if (!std::isfinite(value)) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(cell), " is not a finite float32"));
  }
  return value;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = LengthOf(static_cast<unsigned char>(text[0]));
    if (!IsCharacter(text, length)) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string Quoted(absl::string_view text) {
  const bool is_cut = text.size() > kLongestEcho;
  const absl::string_view shown = text.substr(0, kLongestEcho);
  // What a cut breaks in the middle of a character is escaped like any other odd byte.
  const std::string escaped = IsUtf8(shown) ? absl::Utf8SafeCEscape(shown) : absl::CEscape(shown);
  return absl::StrCat("'", escaped, is_cut ? "…'" : "'");
}

}  // namespace chainrule::client
