// InferenceService: the Open Inference Protocol, for clients that were not made for us.
#ifndef CHAINRULE_SERVER_RPC_INFERENCE_SERVICE_H_
#define CHAINRULE_SERVER_RPC_INFERENCE_SERVICE_H_

#include <string>

#include "inference/grpc_service.grpc.pb.h"
#include "server/rpc/find_model.h"
#include "server/rpc/message_pool.h"
#include "server/rpc/unary_call.h"

namespace chainrule::server {

class InferenceServiceImpl final : public inference::GRPCInferenceService::CallbackService {
 public:
  // `version` of the server.
  InferenceServiceImpl(const Environment* environment, std::string version);

  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext* context,
                                       const inference::ServerLiveRequest* request,
                                       inference::ServerLiveResponse* response) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext* context,
                                        const inference::ServerReadyRequest* request,
                                        inference::ServerReadyResponse* response) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext* context,
                                       const inference::ModelReadyRequest* request,
                                       inference::ModelReadyResponse* response) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext* context,
                                           const inference::ServerMetadataRequest* request,
                                           inference::ServerMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext* context,
                                          const inference::ModelMetadataRequest* request,
                                          inference::ModelMetadataResponse* response) override;
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const inference::ModelInferRequest* request,
                                       inference::ModelInferResponse* response) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext* context,
                                        const inference::ModelConfigRequest* request,
                                        inference::ModelConfigResponse* response) override;
  grpc::ServerUnaryReactor* ModelStatistics(grpc::CallbackServerContext* context,
                                            const inference::ModelStatisticsRequest* request,
                                            inference::ModelStatisticsResponse* response) override;
  grpc::ServerUnaryReactor* RepositoryIndex(grpc::CallbackServerContext* context,
                                            const inference::RepositoryIndexRequest* request,
                                            inference::RepositoryIndexResponse* response) override;

 private:
  using InferCall = UnaryCall<inference::ModelInferRequest, inference::ModelInferResponse>;

  // The model that a request names by its id, and a version or an alias.
  absl::StatusOr<FoundModel> Find(absl::string_view id, absl::string_view version,
                                  absl::string_view field) const;
  absl::Status QueueInfer(InferCall* call) const;
  absl::Status AddStatistics(const inference::ModelStatisticsRequest& request,
                             inference::ModelStatisticsResponse* response) const;

  const Environment& environment_;
  const std::string version_;
  MessagePool<inference::ModelInferRequest, inference::ModelInferResponse> messages_;
  const Rpc server_live_, server_ready_, model_ready_, server_metadata_, model_metadata_,
      model_infer_, model_config_, model_statistics_, repository_index_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_INFERENCE_SERVICE_H_
