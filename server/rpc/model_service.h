// ModelService: models and their weights.
#ifndef CHAINRULE_SERVER_RPC_MODEL_SERVICE_H_
#define CHAINRULE_SERVER_RPC_MODEL_SERVICE_H_

#include "chainrule/v1/model_service.pb.h"
#include "server/convert/versions.h"
#include "server/rpc/methods.h"

namespace chainrule::server {

class ModelServiceImpl {
 public:
  ModelServiceImpl(const Environment* environment, Methods* methods);

 private:
  using RestoreCall = UnaryCall<v1::RestoreVersionRequest, v1::Model>;
  using CreateCall = UnaryCall<v1::CreateModelRequest, v1::Model>;
  using GetWeightsCall = UnaryCall<v1::GetWeightsRequest, v1::GetWeightsResponse>;
  using SetWeightsRpcCall = UnaryCall<v1::SetWeightsRequest, v1::SetWeightsResponse>;

  void AddVersionMethods(const ServiceMethods& service);

  absl::Status CreateModel(CreateCall* call);
  absl::Status GetModel(UnaryCall<v1::GetModelRequest, v1::Model>* call);
  absl::Status ListModels(UnaryCall<v1::ListModelsRequest, v1::ListModelsResponse>* call);
  absl::Status UpdateModel(UnaryCall<v1::UpdateModelRequest, v1::Model>* call);
  absl::Status DeleteModel(UnaryCall<v1::DeleteModelRequest, google::protobuf::Empty>* call);
  absl::Status GetWeights(GetWeightsCall* call);
  absl::Status SetWeights(SetWeightsRpcCall* call);

  absl::Status CopyModel(UnaryCall<v1::CopyModelRequest, v1::Model>* call);
  absl::Status PublishVersion(UnaryCall<v1::PublishVersionRequest, v1::ModelVersion>* call);
  absl::Status GetModelVersion(UnaryCall<v1::GetModelVersionRequest, v1::ModelVersion>* call);
  absl::Status ListModelVersions(
      UnaryCall<v1::ListModelVersionsRequest, v1::ListModelVersionsResponse>* call);
  absl::Status DeleteModelVersion(
      UnaryCall<v1::DeleteModelVersionRequest, google::protobuf::Empty>* call);
  absl::Status SetAlias(UnaryCall<v1::SetAliasRequest, v1::Model>* call);
  absl::Status DeleteAlias(UnaryCall<v1::DeleteAliasRequest, v1::Model>* call);
  absl::Status RestoreVersion(UnaryCall<v1::RestoreVersionRequest, v1::Model>* call);
  absl::StatusOr<Registry::Result> ChangeAlias(const absl::StatusOr<AliasInput>& input);
  absl::Status QueueRestore(RestoreCall* call);

  const Environment& environment_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_MODEL_SERVICE_H_
