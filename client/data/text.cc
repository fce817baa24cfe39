#include "client/data/text.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace chainrule::client {
namespace {

constexpr size_t kLongestEcho = 40;
constexpr size_t kMostNames = 12;

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

// Whether a terminal may obey the character: C0, DEL, and C1, which UTF-8 has from C2 80 on.
bool IsControl(absl::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7F;
  return lead == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

std::string Shortened(absl::string_view text) {
  return absl::StrCat(Escaped(text.substr(0, kLongestEcho)), text.size() > kLongestEcho ? "…" : "");
}

// SimpleAtof takes 0x10 too, which is no number in a CSV.
bool IsHexadecimal(absl::string_view cell) {
  return cell.find_first_of("xX") != absl::string_view::npos;
}

}  // namespace

absl::StatusOr<float> ParseNumber(absl::string_view cell) {
  float value = 0;
  if (absl::StripAsciiWhitespace(cell).empty()) {
    return absl::InvalidArgumentError("no value, a number is needed");
  }
  if (IsHexadecimal(cell) || !absl::SimpleAtof(cell, &value)) {
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

std::string Escaped(absl::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const size_t length = LengthOf(static_cast<unsigned char>(text[0]));
    const bool is_character = IsCharacter(text, length);
    const absl::string_view next = text.substr(0, is_character ? length : 1);
    const bool is_fit = is_character && !IsControl(next);
    absl::StrAppend(&escaped, is_fit ? std::string(next) : absl::CHexEscape(next));
    text.remove_prefix(next.size());
  }
  return escaped;
}

std::string Quoted(absl::string_view text) { return absl::StrCat("'", Shortened(text), "'"); }

std::string FirstOf(std::span<const std::string> names) {
  const auto shown = names.first(std::min(kMostNames, names.size()));
  const auto append = [](std::string* out, const std::string& name) {
    absl::StrAppend(out, Shortened(name));
  };
  return absl::StrCat(absl::StrJoin(shown, ", ", append), shown.size() < names.size() ? ", …" : "");
}

}  // namespace chainrule::client
