#include "server/rpc/model_service.h"

#include <memory>
#include <string>
#include <utility>

#include "server/convert/listing.h"
#include "server/convert/models.h"
#include "server/convert/names.h"
#include "server/convert/weights.h"
#include "server/rpc/export_call.h"
#include "server/rpc/find_model.h"
#include "server/rpc/import_call.h"

namespace chainrule::server {
namespace {

// Writes the model of a call that made or changed it, and says whether it was a repeat.
template <typename Call>
absl::Status AnswerModel(const absl::StatusOr<Registry::Result>& result, Call* call) {
  if (!result.ok()) return result.status();
  if (result->replayed) call->scope().MarkReplayed();
  WriteModel(result->model, call->response());
  return absl::OkStatus();
}

}  // namespace

ModelServiceImpl::ModelServiceImpl(const Environment* environment)
    : environment_(*environment),
      create_(environment, "ModelService/CreateModel", environment->clerks),
      get_(environment, "ModelService/GetModel", environment->clerks),
      list_(environment, "ModelService/ListModels", environment->clerks),
      update_(environment, "ModelService/UpdateModel", environment->clerks),
      delete_(environment, "ModelService/DeleteModel", environment->clerks),
      get_weights_(environment, "ModelService/GetWeights", environment->clerks),
      set_weights_(environment, "ModelService/SetWeights"),
      export_(environment, "ModelService/ExportModel"),
      import_(environment, "ModelService/ImportModel"),
      copy_(environment, "ModelService/CopyModel", environment->clerks),
      publish_(environment, "ModelService/PublishVersion", environment->clerks),
      get_version_(environment, "ModelService/GetModelVersion", environment->clerks),
      list_versions_(environment, "ModelService/ListModelVersions", environment->clerks),
      delete_version_(environment, "ModelService/DeleteModelVersion", environment->clerks),
      set_alias_(environment, "ModelService/SetAlias", environment->clerks),
      delete_alias_(environment, "ModelService/DeleteAlias", environment->clerks),
      restore_(environment, "ModelService/RestoreVersion") {}

grpc::ServerUnaryReactor* ModelServiceImpl::CreateModel(grpc::CallbackServerContext* context,
                                                        const v1::CreateModelRequest* request,
                                                        v1::Model* response) {
  return create_.StartOnWorker(context, request, response,
                               [this](CreateCall* call) { return Create(call); });
}

absl::Status ModelServiceImpl::Create(CreateCall* call) {
  absl::StatusOr<CreateModelInput> input = ReadCreateModel(call->request(), environment_.limits);
  if (!input.ok()) return input.status();
  Registry& registry = *environment_.registry;
  if (input->validate_only) {
    const absl::StatusOr<ModelDescription> model = registry.Validate(
        input->id, input->settings, std::move(input->normalization), std::move(input->labels));
    if (model.ok()) WriteModel(*model, call->response());
    return model.status();
  }
  return AnswerModel(registry.Create(input->id, input->settings, std::move(input->normalization),
                                     std::move(input->labels), input->request),
                     call);
}

grpc::ServerUnaryReactor* ModelServiceImpl::GetModel(grpc::CallbackServerContext* context,
                                                     const v1::GetModelRequest* request,
                                                     v1::Model* response) {
  return get_.StartOnWorker(context, request, response, [this](auto* call) {
    const absl::StatusOr<std::string> id = ParseLiveModel(call->request().name(), "name");
    if (!id.ok()) return id.status();
    const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(*id);
    if (model.ok()) WriteModel((*model)->Describe(), call->response());
    return model.status();
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::ListModels(grpc::CallbackServerContext* context,
                                                       const v1::ListModelsRequest* request,
                                                       v1::ListModelsResponse* response) {
  return list_.StartOnWorker(context, request, response, [this](auto* call) {
    return List(call->request(), call->response());
  });
}

absl::Status ModelServiceImpl::List(const v1::ListModelsRequest& request,
                                    v1::ListModelsResponse* response) {
  const absl::StatusOr<ListModelsInput> input = ReadListModels(request);
  if (!input.ok()) return input.status();
  std::string after = input->after;
  std::string next_after;
  // A page of the registry may hold few that the filter lets through: go on to the next.
  do {
    const int64_t wanted = input->page_size - response->models_size();
    const Registry::Page page = environment_.registry->List(after, wanted);
    for (const ModelDescription& model : page.models) {
      if (input->filter.Matches(model.labels)) WriteModel(model, response->add_models());
    }
    next_after = after = page.next_after;
  } while (!next_after.empty() && response->models_size() < input->page_size);
  response->set_next_page_token(MakePageToken(next_after, request.filter()));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ModelServiceImpl::UpdateModel(grpc::CallbackServerContext* context,
                                                        const v1::UpdateModelRequest* request,
                                                        v1::Model* response) {
  return update_.StartOnWorker(context, request, response, [this](auto* call) {
    absl::StatusOr<UpdateModelInput> input = ReadUpdateModel(call->request());
    if (!input.ok()) return input.status();
    return AnswerModel(environment_.registry->UpdateModel(input->id, input->etag,
                                                          std::move(input->update), input->request),
                       call);
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::DeleteModel(grpc::CallbackServerContext* context,
                                                        const v1::DeleteModelRequest* request,
                                                        google::protobuf::Empty* response) {
  return delete_.StartOnWorker(context, request, response, [this](auto* call) {
    const absl::StatusOr<DeleteModelInput> input = ReadDeleteModel(call->request());
    if (!input.ok()) return input.status();
    const absl::StatusOr<bool> replayed =
        environment_.registry->Delete(input->id, input->etag, input->request);
    if (replayed.ok() && *replayed) call->scope().MarkReplayed();
    return replayed.status();
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::GetWeights(grpc::CallbackServerContext* context,
                                                       const v1::GetWeightsRequest* request,
                                                       v1::GetWeightsResponse* response) {
  return get_weights_.StartOnWorker(context, request, response,
                                    [this](GetWeightsCall* call) { return ReadWeights(call); });
}

absl::Status ModelServiceImpl::ReadWeights(GetWeightsCall* call) {
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<GetWeightsArguments> arguments =
      CheckGetWeights(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  const std::shared_ptr<const Snapshot>& snapshot = found->snapshot;
  WriteWeights(*arguments, snapshot->network(), snapshot->state().parameters->span(),
               snapshot->step(), call->response());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ModelServiceImpl::SetWeights(grpc::CallbackServerContext* context,
                                                       const v1::SetWeightsRequest* request,
                                                       v1::SetWeightsResponse* response) {
  return set_weights_.Start(context, request, response,
                            [this](SetWeightsRpcCall* call) { return QueueSetWeights(call); });
}

absl::Status ModelServiceImpl::QueueSetWeights(SetWeightsRpcCall* call) {
  absl::StatusOr<FoundModel> found = FindLiveModel(environment_, call->request().model(), "model");
  if (!found.ok()) return found.status();
  absl::StatusOr<WriteOptions> options = CheckSetWeights(call->request(), found->context);
  if (!options.ok()) return options.status();
  SetWeightsCall write;
  write.write = *std::move(options);
  write.write.cancellation = call->scope().cancellation();
  write.reset_optimizer = call->request().reset_optimizer();
  write.read = [call, context = std::move(found->context)] {
    return ReadSetWeights(call->borrowed_request(), context);
  };
  write.done = [call](const absl::StatusOr<SetWeightsReply>& reply) {
    if (reply.ok()) WriteSetWeightsReply(*reply, call->response());
    call->Finish(reply.status());
  };
  found->model->SetWeights(std::move(write));
  return absl::OkStatus();
}

grpc::ServerWriteReactor<v1::ExportModelResponse>* ModelServiceImpl::ExportModel(
    grpc::CallbackServerContext* context, const v1::ExportModelRequest* request) {
  auto* call = new ExportCall(&environment_, export_.metrics(), context, request);
  call->Begin();
  return call;
}

grpc::ServerReadReactor<v1::ImportModelRequest>* ModelServiceImpl::ImportModel(
    grpc::CallbackServerContext* context, v1::Model* response) {
  auto* call = new ImportCall(&environment_, import_.metrics(), context, response);
  call->Begin();
  return call;
}

}  // namespace chainrule::server
