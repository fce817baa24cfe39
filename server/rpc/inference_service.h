// InferenceService: the Open Inference Protocol, for clients that were not made for us.
#ifndef CHAINRULE_SERVER_RPC_INFERENCE_SERVICE_H_
#define CHAINRULE_SERVER_RPC_INFERENCE_SERVICE_H_

#include <string>

#include "inference/grpc_service.pb.h"
#include "server/rpc/find_model.h"
#include "server/rpc/methods.h"

namespace chainrule::server {

class InferenceServiceImpl {
 public:
  // `version` of the server.
  InferenceServiceImpl(const Environment* environment, std::string version, Methods* methods);

 private:
  using InferCall = UnaryCall<inference::ModelInferRequest, inference::ModelInferResponse>;

  // Where a request has the two.
  struct Fields {
    absl::string_view name;
    absl::string_view version;
  };
  static constexpr Fields kFields = {"name", "version"};
  static constexpr Fields kInferFields = {"model_name", "model_version"};
  // The model that a request names by its id, and a version or an alias.
  absl::StatusOr<FoundModel> Find(absl::string_view id, absl::string_view version,
                                  const Fields& fields) const;
  absl::Status ServerLive(
      UnaryCall<inference::ServerLiveRequest, inference::ServerLiveResponse>* call);
  absl::Status ServerReady(
      UnaryCall<inference::ServerReadyRequest, inference::ServerReadyResponse>* call);
  absl::Status ModelReady(
      UnaryCall<inference::ModelReadyRequest, inference::ModelReadyResponse>* call);
  absl::Status ServerMetadata(
      UnaryCall<inference::ServerMetadataRequest, inference::ServerMetadataResponse>* call);
  absl::Status ModelMetadata(
      UnaryCall<inference::ModelMetadataRequest, inference::ModelMetadataResponse>* call);
  absl::Status ModelConfig(
      UnaryCall<inference::ModelConfigRequest, inference::ModelConfigResponse>* call);
  absl::Status ModelStatistics(
      UnaryCall<inference::ModelStatisticsRequest, inference::ModelStatisticsResponse>* call);
  absl::Status RepositoryIndex(
      UnaryCall<inference::RepositoryIndexRequest, inference::RepositoryIndexResponse>* call);
  absl::Status ModelInfer(InferCall* call);

  const Environment& environment_;
  const std::string version_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_INFERENCE_SERVICE_H_
