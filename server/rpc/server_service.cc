#include "server/rpc/server_service.h"

#include <utility>

namespace chainrule::server {

ServerServiceImpl::ServerServiceImpl(const Environment* environment, v1::GetServerInfoResponse info)
    : info_(std::move(info)), get_server_info_(environment, "ServerService/GetServerInfo") {}

grpc::ServerUnaryReactor* ServerServiceImpl::GetServerInfo(grpc::CallbackServerContext* context,
                                                           const v1::GetServerInfoRequest* request,
                                                           v1::GetServerInfoResponse* response) {
  return get_server_info_.Start(context, request, response, [this](auto* call) {
    *call->response() = info_;
    call->Finish(absl::OkStatus());
    return absl::OkStatus();
  });
}

}  // namespace chainrule::server
