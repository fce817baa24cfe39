#include "server/rpc/model_service.h"

#include <memory>
#include <string>
#include <utility>

#include "server/convert/listing.h"
#include "server/convert/models.h"
#include "server/convert/names.h"
#include "server/convert/weights.h"
#include "server/rpc/answer_model.h"
#include "server/rpc/export_call.h"
#include "server/rpc/find_model.h"
#include "server/rpc/import_call.h"

namespace chainrule::server {
namespace {

// Of a page's models, about: a caller takes 4 MiB in one message unless it was told otherwise.
constexpr int64_t kPageBytes = int64_t{2} << 20;

// One model at least. Returns the id behind which the next page begins; empty: there is none.
std::string FillPage(const Registry& registry, const ListModelsInput& input,
                     v1::ListModelsResponse* response) {
  std::string after = input.after;
  int64_t bytes = 0;
  // A page of the registry may hold few that the filter lets through: go on to the next.
  while (true) {
    const Registry::Page page = registry.List(after, input.page_size - response->models_size());
    for (const ModelDescription& model : page.models) {
      if (bytes >= kPageBytes) return after;
      after = model.id;
      if (!input.filter.Matches(model.labels)) continue;
      v1::Model* const message = response->add_models();
      WriteModel(model, message);
      bytes += static_cast<int64_t>(message->ByteSizeLong());
    }
    if (page.next_after.empty() || response->models_size() == input.page_size) {
      return page.next_after;
    }
  }
}

}  // namespace

ModelServiceImpl::ModelServiceImpl(const Environment* environment, Methods* methods)
    : environment_(*environment) {
  const ServiceMethods service(environment, "chainrule.v1.ModelService", methods);
  service.AddWorked("CreateModel", environment->clerks, this, &ModelServiceImpl::CreateModel);
  service.AddWorked("GetModel", environment->readers, this, &ModelServiceImpl::GetModel);
  service.AddWorked("ListModels", environment->readers, this, &ModelServiceImpl::ListModels);
  service.AddWorked("UpdateModel", environment->clerks, this, &ModelServiceImpl::UpdateModel);
  service.AddWorked("DeleteModel", environment->clerks, this, &ModelServiceImpl::DeleteModel);
  service.AddWorked("GetWeights", environment->clerks, this, &ModelServiceImpl::GetWeights);
  service.AddUnary("SetWeights", this, &ModelServiceImpl::SetWeights);
  service.AddStream<ExportCall>("ExportModel");
  service.AddStream<ImportCall>("ImportModel");
  AddVersionMethods(service);
}

absl::Status ModelServiceImpl::CreateModel(CreateCall* call) {
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

absl::Status ModelServiceImpl::GetModel(UnaryCall<v1::GetModelRequest, v1::Model>* call) {
  const absl::StatusOr<std::string> id = ParseLiveModel(call->request().name(), "name");
  if (!id.ok()) return id.status();
  const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(*id);
  if (model.ok()) WriteModel((*model)->Describe(), call->response());
  return model.status();
}

absl::Status ModelServiceImpl::UpdateModel(UnaryCall<v1::UpdateModelRequest, v1::Model>* call) {
  absl::StatusOr<UpdateModelInput> input = ReadUpdateModel(call->request());
  if (!input.ok()) return input.status();
  return AnswerModel(environment_.registry->UpdateModel(input->id, input->etag,
                                                        std::move(input->update), input->request),
                     call);
}

absl::Status ModelServiceImpl::DeleteModel(
    UnaryCall<v1::DeleteModelRequest, google::protobuf::Empty>* call) {
  const absl::StatusOr<DeleteModelInput> input = ReadDeleteModel(call->request());
  if (!input.ok()) return input.status();
  const absl::StatusOr<bool> replayed =
      environment_.registry->Delete(input->id, input->etag, input->request);
  if (replayed.ok() && *replayed) call->scope().MarkReplayed();
  return replayed.status();
}

absl::Status ModelServiceImpl::ListModels(
    UnaryCall<v1::ListModelsRequest, v1::ListModelsResponse>* call) {
  const v1::ListModelsRequest& request = call->request();
  v1::ListModelsResponse* const response = call->response();
  const absl::StatusOr<ListModelsInput> input = ReadListModels(request);
  if (!input.ok()) return input.status();
  const std::string next_after = FillPage(*environment_.registry, *input, response);
  response->set_next_page_token(MakePageToken(next_after, request.filter()));
  return absl::OkStatus();
}

absl::Status ModelServiceImpl::GetWeights(GetWeightsCall* call) {
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<GetWeightsArguments> arguments =
      CheckGetWeights(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  if (absl::Status full = call->scope().Grow(arguments->reply_bytes); !full.ok()) return full;
  const std::shared_ptr<const Snapshot>& snapshot = found->snapshot;
  WriteWeights(*arguments, snapshot->network(), snapshot->state().parameters->span(),
               snapshot->step(), call->response());
  return absl::OkStatus();
}

absl::Status ModelServiceImpl::SetWeights(SetWeightsRpcCall* call) {
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

}  // namespace chainrule::server
