// Listener: the gRPC server with everything about how it listens: address, credentials,
// message sizes, keepalive, memory.
#ifndef CHAINRULE_SERVER_APP_LISTENER_H_
#define CHAINRULE_SERVER_APP_LISTENER_H_

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/app/options.h"
#include "server/rpc/call_loops.h"

namespace chainrule::server {

struct Listener {
  std::unique_ptr<grpc::Server> grpc;
  int port = 0;  // 0: a unix socket
};

// Serves the calls that arrive at `loops`, from now on. UNAVAILABLE: the address is taken or not
// this machine's; INVALID_ARGUMENT: a TLS file cannot be read.
absl::StatusOr<Listener> Listen(const Options& options, CallLoops* loops);

// A file's content. INVALID_ARGUMENT, naming `flag`, if it cannot be read or is empty.
absl::StatusOr<std::string> ReadFlagFile(absl::string_view flag, const std::string& path);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_LISTENER_H_
