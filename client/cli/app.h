#ifndef CHAINRULE_CLIENT_CLI_APP_H_
#define CHAINRULE_CLIENT_CLI_APP_H_

#include <ostream>

namespace chainrule::client {

// Runs the program `chainrule`: answers go to `out`, faults as one line to `error`.
// Returns its exit code: 0 done, 1 the server said no, 2 a wrong command line or file,
// 3 nobody answered.
int RunCli(int argc, const char* const* argv, bool out_is_terminal, std::ostream* out,
           std::ostream* error);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_APP_H_
