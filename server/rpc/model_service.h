// ModelService: models and their weights.
#ifndef CHAINRULE_SERVER_RPC_MODEL_SERVICE_H_
#define CHAINRULE_SERVER_RPC_MODEL_SERVICE_H_

#include "chainrule/v1/model_service.grpc.pb.h"
#include "server/convert/versions.h"
#include "server/rpc/unary_call.h"

namespace chainrule::server {

class ModelServiceImpl final : public v1::ModelService::CallbackService {
 public:
  explicit ModelServiceImpl(const Environment* environment);

  grpc::ServerUnaryReactor* CreateModel(grpc::CallbackServerContext* context,
                                        const v1::CreateModelRequest* request,
                                        v1::Model* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::Model* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateModel(grpc::CallbackServerContext* context,
                                        const v1::UpdateModelRequest* request,
                                        v1::Model* response) override;
  grpc::ServerUnaryReactor* DeleteModel(grpc::CallbackServerContext* context,
                                        const v1::DeleteModelRequest* request,
                                        google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* GetWeights(grpc::CallbackServerContext* context,
                                       const v1::GetWeightsRequest* request,
                                       v1::GetWeightsResponse* response) override;
  grpc::ServerUnaryReactor* SetWeights(grpc::CallbackServerContext* context,
                                       const v1::SetWeightsRequest* request,
                                       v1::SetWeightsResponse* response) override;
  grpc::ServerWriteReactor<v1::ExportModelResponse>* ExportModel(
      grpc::CallbackServerContext* context, const v1::ExportModelRequest* request) override;
  grpc::ServerReadReactor<v1::ImportModelRequest>* ImportModel(grpc::CallbackServerContext* context,
                                                               v1::Model* response) override;

  grpc::ServerUnaryReactor* CopyModel(grpc::CallbackServerContext* context,
                                      const v1::CopyModelRequest* request,
                                      v1::Model* response) override;
  grpc::ServerUnaryReactor* PublishVersion(grpc::CallbackServerContext* context,
                                           const v1::PublishVersionRequest* request,
                                           v1::ModelVersion* response) override;
  grpc::ServerUnaryReactor* GetModelVersion(grpc::CallbackServerContext* context,
                                            const v1::GetModelVersionRequest* request,
                                            v1::ModelVersion* response) override;
  grpc::ServerUnaryReactor* ListModelVersions(grpc::CallbackServerContext* context,
                                              const v1::ListModelVersionsRequest* request,
                                              v1::ListModelVersionsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteModelVersion(grpc::CallbackServerContext* context,
                                               const v1::DeleteModelVersionRequest* request,
                                               google::protobuf::Empty* response) override;
  grpc::ServerUnaryReactor* SetAlias(grpc::CallbackServerContext* context,
                                     const v1::SetAliasRequest* request,
                                     v1::Model* response) override;
  grpc::ServerUnaryReactor* DeleteAlias(grpc::CallbackServerContext* context,
                                        const v1::DeleteAliasRequest* request,
                                        v1::Model* response) override;
  grpc::ServerUnaryReactor* RestoreVersion(grpc::CallbackServerContext* context,
                                           const v1::RestoreVersionRequest* request,
                                           v1::Model* response) override;

 private:
  using RestoreCall = UnaryCall<v1::RestoreVersionRequest, v1::Model>;
  // What SetAlias and DeleteAlias have in common.
  struct AliasCall {
    CallScope* scope;
    v1::Model* response;
  };
  using CreateCall = UnaryCall<v1::CreateModelRequest, v1::Model>;
  using GetWeightsCall = UnaryCall<v1::GetWeightsRequest, v1::GetWeightsResponse>;
  using SetWeightsRpcCall = UnaryCall<v1::SetWeightsRequest, v1::SetWeightsResponse>;

  absl::Status Create(CreateCall* call);
  absl::Status List(const v1::ListModelsRequest& request, v1::ListModelsResponse* response);
  absl::Status ReadWeights(GetWeightsCall* call);
  absl::Status QueueSetWeights(SetWeightsRpcCall* call);
  absl::Status ChangeAlias(const absl::StatusOr<AliasInput>& input, AliasCall call);
  absl::Status QueueRestore(RestoreCall* call);

  const Environment& environment_;
  const Rpc create_, get_, list_, update_, delete_, get_weights_, set_weights_, export_, import_;
  const Rpc copy_, publish_, get_version_, list_versions_, delete_version_, set_alias_,
      delete_alias_, restore_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_MODEL_SERVICE_H_
