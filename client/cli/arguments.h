#ifndef CHAINRULE_CLIENT_CLI_ARGUMENTS_H_
#define CHAINRULE_CLIENT_CLI_ARGUMENTS_H_

#include <span>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"

namespace chainrule::client {

// INVALID_ARGUMENT for what CLI11 passes over without a word: `--flag=`, for which it takes the
// next word, and an empty item in a list, `a,,b`, which it drops. `words` come after the
// program's name; those of `serve` are the server's to judge.
absl::Status CheckArguments(CLI::App* app, std::span<const char* const> words);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_ARGUMENTS_H_
