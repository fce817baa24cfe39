// ServerService: what this server is.
#ifndef CHAINRULE_SERVER_RPC_SERVER_SERVICE_H_
#define CHAINRULE_SERVER_RPC_SERVER_SERVICE_H_

#include "chainrule/v1/server_service.pb.h"
#include "server/rpc/methods.h"

namespace chainrule::server {

class ServerServiceImpl {
 public:
  // Always answers `info`.
  ServerServiceImpl(const Environment* environment, v1::GetServerInfoResponse info,
                    Methods* methods);

 private:
  using InfoCall = UnaryCall<v1::GetServerInfoRequest, v1::GetServerInfoResponse>;

  absl::Status GetServerInfo(InfoCall* call);

  const v1::GetServerInfoResponse info_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_SERVER_SERVICE_H_
