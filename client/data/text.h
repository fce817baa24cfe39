// What cells hold: numbers, and text that may travel and be printed.
#ifndef CHAINRULE_CLIENT_DATA_TEXT_H_
#define CHAINRULE_CLIENT_DATA_TEXT_H_

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

// The finite float32 that `cell` spells in decimal, whatever the locale. INVALID_ARGUMENT
// says what is wrong with it: nothing there, no number, not finite.
absl::StatusOr<float> ParseNumber(absl::string_view cell);

bool IsUtf8(absl::string_view text);

// `text` with an escape for each control character, and each byte that is not UTF-8: fit for
// a terminal. What has been escaped stays as it is.
std::string Escaped(absl::string_view text);

// The same in quotes, cut after 40 bytes: fit for a message.
std::string Quoted(absl::string_view text);

// The first dozen of `names`, each as in Quoted but bare: `a, b, c, …`.
std::string FirstOf(std::span<const std::string> names);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_TEXT_H_
