// JSON from untrusted files, by nlohmann's parser: with keys that occur twice refused
// (it would keep one silently) and nesting bounded (it would recurse without end).
#ifndef CHAINRULE_ENGINE_IO_STRICT_JSON_H_
#define CHAINRULE_ENGINE_IO_STRICT_JSON_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::engine {

// INVALID_ARGUMENT: not JSON (with the byte where), a key occurs twice in an object, or
// nesting beyond 16.
absl::StatusOr<nlohmann::json> ParseStrictJson(absl::string_view text);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_IO_STRICT_JSON_H_
