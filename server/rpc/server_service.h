// ServerService: what this server is.
#ifndef CHAINRULE_SERVER_RPC_SERVER_SERVICE_H_
#define CHAINRULE_SERVER_RPC_SERVER_SERVICE_H_

#include "chainrule/v1/server_service.grpc.pb.h"
#include "server/rpc/unary_call.h"

namespace chainrule::server {

class ServerServiceImpl final : public v1::ServerService::CallbackService {
 public:
  // Always answers `info`.
  ServerServiceImpl(const Environment* environment, v1::GetServerInfoResponse info);

  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

 private:
  const v1::GetServerInfoResponse info_;
  const Rpc get_server_info_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_SERVER_SERVICE_H_
