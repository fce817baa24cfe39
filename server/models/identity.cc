#include "server/models/identity.h"

#include <array>
#include <cstdint>
#include <random>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace chainrule::server {

std::string RandomUuid() {
  std::random_device device;
  std::array<uint32_t, 4> bits;
  for (uint32_t& word : bits) word = device();
  bits[1] = (bits[1] & 0xffff0fffU) | 0x00004000U;  // version 4
  bits[2] = (bits[2] & 0x3fffffffU) | 0x80000000U;  // the variant of RFC 9562
  return absl::StrFormat("%08x-%04x-%04x-%04x-%04x%08x", bits[0], bits[1] >> 16, bits[1] & 0xffffU,
                         bits[2] >> 16, bits[2] & 0xffffU, bits[3]);
}

std::optional<absl::Time> TimeOfUuid(absl::string_view uuid) {
  // tttttttt-tttt-7xxx-…: 48 bits of milliseconds since 1970, then the version.
  if (uuid.size() != 36 || uuid[8] != '-' || uuid[13] != '-' || uuid[14] != '7') {
    return std::nullopt;
  }
  int64_t milliseconds = 0;
  if (!absl::SimpleHexAtoi(absl::StrCat(uuid.substr(0, 8), uuid.substr(9, 4)), &milliseconds)) {
    return std::nullopt;
  }
  return absl::FromUnixMillis(milliseconds);
}

const std::string& ProcessIncarnation() {
  static const std::string* const incarnation = new std::string(RandomUuid());
  return *incarnation;
}

}  // namespace chainrule::server
