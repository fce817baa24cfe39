#include "server/rpc/server_service.h"

#include <utility>

namespace chainrule::server {

ServerServiceImpl::ServerServiceImpl(const Environment* environment, v1::GetServerInfoResponse info,
                                     Methods* methods)
    : info_(std::move(info)) {
  const ServiceMethods service(environment, "chainrule.v1.ServerService", methods);
  service.AddUnary("GetServerInfo", this, &ServerServiceImpl::GetServerInfo);
}

absl::Status ServerServiceImpl::GetServerInfo(InfoCall* call) {
  *call->response() = info_;
  call->Finish(absl::OkStatus());
  return absl::OkStatus();
}

}  // namespace chainrule::server
