// SIGTERM and SIGINT: the first one asks to stop, a second one ends the process.
#ifndef CHAINRULE_SERVER_APP_SIGNALS_H_
#define CHAINRULE_SERVER_APP_SIGNALS_H_

#include "absl/time/time.h"

namespace chainrule::server {

// From now on the two are caught, on whatever thread they come (libraries start some
// before main does), and SIGPIPE is ignored. Once.
void CatchSignals();

// Returns when the first of them has come. A second one, at any time, ends the process at
// once with 128 + its number.
void WaitForSignal();

// Ends the process with 1 if it still lives after about `timeout`, whole seconds.
void EndAfter(absl::Duration timeout);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_SIGNALS_H_
