// SIGTERM and SIGINT, waited for by threads rather than handled.
#ifndef CHAINRULE_SERVER_APP_SIGNALS_H_
#define CHAINRULE_SERVER_APP_SIGNALS_H_

#include "absl/time/time.h"

namespace chainrule::server {

// Keeps the two from ending the process, and ignores SIGPIPE. Before any thread is made,
// because threads inherit it.
void BlockSignals();

// Returns when the first one comes.
void WaitForSignal();

// From now on: ends the process at once, with 128 + its number, when one more comes; and
// with 1 if the process still lives after `timeout`.
void EndAtNextSignal(absl::Duration timeout);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_SIGNALS_H_
