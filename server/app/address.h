// Address: where to listen, HOST:PORT or unix:PATH. Thread-compatible.
#ifndef CHAINRULE_SERVER_APP_ADDRESS_H_
#define CHAINRULE_SERVER_APP_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

struct Address {
  std::string host;  // without brackets
  int port = 0;
  std::string path;  // of a unix socket; empty: HOST:PORT

  bool is_unix() const { return !path.empty(); }
  // Nobody beyond this machine can reach it.
  bool is_loopback() const;
  // As it was written, with `actual_port` in place of the port.
  std::string ToString(int actual_port) const;
};

// HOST:PORT, [IPV6]:PORT or unix:PATH. INVALID_ARGUMENT: it is neither.
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// Makes room for a socket at `path`: removes one that nobody answers at. UNAVAILABLE: a
// server answers there, or something that is no socket is in the way.
absl::Status ClearStaleSocket(const std::string& path);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_ADDRESS_H_
