#ifndef CHAINRULE_CLIENT_LIB_ADDRESS_H_
#define CHAINRULE_CLIENT_LIB_ADDRESS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

// INVALID_ARGUMENT: `address` is neither HOST:PORT, with an IPv6 host in brackets and a port
// from 1 to 65535, nor unix:PATH.
absl::Status CheckAddress(absl::string_view address);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_ADDRESS_H_
