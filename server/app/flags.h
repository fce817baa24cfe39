// Flags: the command line and the environment, as Options. Each flag --NAME may also be
// given as the variable CHAINRULE_NAME in capitals; the command line wins. An empty value is
// refused, of either.
#ifndef CHAINRULE_SERVER_APP_FLAGS_H_
#define CHAINRULE_SERVER_APP_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/app/options.h"

namespace chainrule::server {

// What the program was told: options, or (--help, --version) a text to print.
struct CommandLine {
  Options options;
  std::optional<std::string> text;
};

// INVALID_ARGUMENT: one line that names the flag. Does not check that the options go
// together (CheckOptions).
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

// 1024, 64KiB, 64MiB, 1GiB: 0 or more. Nothing where it is none of these, or too large.
std::optional<int64_t> ParseByteSize(absl::string_view text);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_FLAGS_H_
