// HealthService: grpc.health.v1, ours and not gRPC's built-in one: that can remove no
// entry, and its watches keep a server from shutting down. It answers without a token
// and also while the server is overloaded or stops; of a thousand probes and watches at once.
#ifndef CHAINRULE_SERVER_RPC_HEALTH_SERVICE_H_
#define CHAINRULE_SERVER_RPC_HEALTH_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "grpc/health/v1/health.pb.h"
#include "server/compute/admission.h"
#include "server/rpc/health_board.h"
#include "server/rpc/methods.h"
#include "server/rpc/open_streams.h"

namespace chainrule::server {

class HealthServiceImpl {
 public:
  // All are borrowed and outlive the service.
  HealthServiceImpl(HealthBoard* board, OpenStreams* streams, Admission* admission,
                    Methods* methods);

 private:
  template <typename Request, typename Response>
  void AddAtOnce(Methods* methods, const std::string& method,
                 absl::Status (HealthServiceImpl::*answer)(const Request&, Response*) const);

  // NOT_FOUND: there is nothing of that name.
  absl::Status Check(const grpc::health::v1::HealthCheckRequest& request,
                     grpc::health::v1::HealthCheckResponse* response) const;
  absl::Status List(const grpc::health::v1::HealthListRequest& request,
                    grpc::health::v1::HealthListResponse* response) const;

  HealthBoard* const board_;
  OpenStreams* const streams_;
  Admission* const admission_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_HEALTH_SERVICE_H_
