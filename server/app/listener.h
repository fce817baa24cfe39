// Listener: the gRPC server with everything about how it listens: address, credentials,
// message sizes, keepalive, memory.
#ifndef CHAINRULE_SERVER_APP_LISTENER_H_
#define CHAINRULE_SERVER_APP_LISTENER_H_

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/app/options.h"

namespace chainrule::server {

struct Listener {
  std::unique_ptr<grpc::Server> grpc;
  int port = 0;  // 0: a unix socket
};

// Serves `services`, which outlive the listener, and reflection. UNAVAILABLE: the address
// is taken or not this machine's; INVALID_ARGUMENT: a TLS file cannot be read.
absl::StatusOr<Listener> Listen(const Options& options,
                                const std::vector<grpc::Service*>& services);

// A file's content. INVALID_ARGUMENT, naming `flag`, if it cannot be read or is empty.
absl::StatusOr<std::string> ReadFlagFile(absl::string_view flag, const std::string& path);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_LISTENER_H_
