// Names that nothing else has.
#ifndef CHAINRULE_SERVER_MODELS_IDENTITY_H_
#define CHAINRULE_SERVER_MODELS_IDENTITY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chainrule::server {

// A random UUID (version 4), from the operating system's randomness. Thread-safe.
std::string RandomUuid();

// When an id was made, if it is a time-ordered UUID (version 7); to the millisecond.
std::optional<absl::Time> TimeOfUuid(absl::string_view uuid);

// The same in the whole life of this process, another one in the next. Thread-safe.
const std::string& ProcessIncarnation();

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_IDENTITY_H_
