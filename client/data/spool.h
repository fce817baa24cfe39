#ifndef CHAINRULE_CLIENT_DATA_SPOOL_H_
#define CHAINRULE_CLIENT_DATA_SPOOL_H_

#include <cstdio>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

// Opens `path` at its first byte; `-` is standard input. What gives its bytes only once, that is
// standard input and all that is neither a regular file nor a folder, is first copied to a
// temporary file without a name; while the process lives the same path opens that copy.
// One call at a time. Failures name the path, and the temporary folder if it has no room.
absl::StatusOr<std::FILE*> OpenAgainAndAgain(absl::string_view path);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_SPOOL_H_
