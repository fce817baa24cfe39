// HealthService: grpc.health.v1, ours and not gRPC's built-in one: that can remove no
// entry, and its watches keep a server from shutting down. It answers without a token
// and also while the server is overloaded or stops.
#ifndef CHAINRULE_SERVER_RPC_HEALTH_SERVICE_H_
#define CHAINRULE_SERVER_RPC_HEALTH_SERVICE_H_

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/rpc/health_board.h"
#include "server/rpc/open_streams.h"

namespace chainrule::server {

class HealthServiceImpl final : public grpc::health::v1::Health::CallbackService {
 public:
  // Both are borrowed and outlive the service.
  HealthServiceImpl(HealthBoard* board, OpenStreams* streams) : board_(board), streams_(streams) {}

  // NOT_FOUND: there is nothing of that name.
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const grpc::health::v1::HealthListRequest* request,
                                 grpc::health::v1::HealthListResponse* response) override;
  // Ends with UNAVAILABLE when the server stops.
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  HealthBoard* const board_;
  OpenStreams* const streams_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_HEALTH_SERVICE_H_
