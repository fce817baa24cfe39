// The RPCs of the server, by the names that their protos give them.
#ifndef CHAINRULE_CLIENT_CLI_ANY_RPC_H_
#define CHAINRULE_CLIENT_CLI_ANY_RPC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chainrule::client {

struct AnyRpc {
  std::string method;  // such as "/chainrule.v1.ModelService/GetModel"
  bool streams = false;
  std::string request;                // the message's bytes
  std::vector<std::string> messages;  // of one that streams
};

// `name`: "GetModel", or with its service: "ModelService/GetModel". `request_file`: the request
// as JSON, as ReadJson reads it; empty: an empty request. Of one that streams an array of
// messages, or one alone. INVALID_ARGUMENT: there is no such RPC, several have the name, or the
// file holds no request of it.
absl::StatusOr<AnyRpc> FindRpc(const std::string& name, const std::string& request_file);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_ANY_RPC_H_
