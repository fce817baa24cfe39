// What cells hold: numbers, and text that may travel and be printed.
#ifndef CHAINRULE_CLIENT_DATA_TEXT_H_
#define CHAINRULE_CLIENT_DATA_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

// The finite float32 that `cell` spells, whatever the locale. INVALID_ARGUMENT says what
// is wrong with it: nothing there, no number, not finite.
absl::StatusOr<float> ParseNumber(absl::string_view cell);

bool IsUtf8(absl::string_view text);

// `text` in quotes, without control characters, cut after 40 bytes: fit for a message.
std::string Quoted(absl::string_view text);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_TEXT_H_
