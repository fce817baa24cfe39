// ModelService's handlers of versions, aliases and copies.
#include <memory>
#include <utility>

#include "server/convert/models.h"
#include "server/convert/versions.h"
#include "server/rpc/model_service.h"

namespace chainrule::server {
namespace {

template <typename Call>
absl::Status AnswerModel(const absl::StatusOr<Registry::Result>& result, Call* call) {
  if (!result.ok()) return result.status();
  if (result->replayed) call->scope().MarkReplayed();
  WriteModel(result->model, call->response());
  return absl::OkStatus();
}

absl::StatusOr<engine::ModelState> StateOf(Model& model, const std::string& version) {
  const absl::StatusOr<int64_t> number = model.ResolveVersion(version);
  if (!number.ok()) return number.status();
  const absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot = model.LoadVersion(*number);
  if (!snapshot.ok()) return snapshot.status();
  return (*snapshot)->state();
}

}  // namespace

grpc::ServerUnaryReactor* ModelServiceImpl::CopyModel(grpc::CallbackServerContext* context,
                                                      const v1::CopyModelRequest* request,
                                                      v1::Model* response) {
  return copy_.StartOnWorker(context, request, response, [this](auto* call) {
    const absl::StatusOr<CopyModelInput> input = ReadCopyModel(call->request());
    if (!input.ok()) return input.status();
    return AnswerModel(
        environment_.registry->Copy(input->source.id, input->source.revision, input->id,
                                    input->reset_optimizer, input->request),
        call);
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::PublishVersion(grpc::CallbackServerContext* context,
                                                           const v1::PublishVersionRequest* request,
                                                           v1::ModelVersion* response) {
  return publish_.StartOnWorker(context, request, response, [this](auto* call) {
    absl::StatusOr<PublishInput> input = ReadPublish(call->request());
    if (!input.ok()) return input.status();
    const absl::StatusOr<Registry::VersionResult> result = environment_.registry->Publish(
        input->id, std::move(input->labels), input->if_step, input->request);
    if (!result.ok()) return result.status();
    if (result->replayed) call->scope().MarkReplayed();
    WriteVersion(result->version, call->response());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::GetModelVersion(
    grpc::CallbackServerContext* context, const v1::GetModelVersionRequest* request,
    v1::ModelVersion* response) {
  return get_version_.StartOnWorker(context, request, response, [this](auto* call) {
    const absl::StatusOr<ModelReference> reference = ReadGetVersion(call->request());
    if (!reference.ok()) return reference.status();
    const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(reference->id);
    if (!model.ok()) return model.status();
    const absl::StatusOr<int64_t> number = (*model)->ResolveVersion(reference->revision);
    if (!number.ok()) return number.status();
    const absl::StatusOr<VersionDescription> version = (*model)->GetVersion(*number);
    if (version.ok()) WriteVersion(*version, call->response());
    return version.status();
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::ListModelVersions(
    grpc::CallbackServerContext* context, const v1::ListModelVersionsRequest* request,
    v1::ListModelVersionsResponse* response) {
  return list_versions_.StartOnWorker(context, request, response, [this](auto* call) {
    const absl::StatusOr<ListVersionsInput> input = ReadListVersions(call->request());
    if (!input.ok()) return input.status();
    const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(input->id);
    if (model.ok()) WriteVersions((*model)->ListVersions(), *input, call->response());
    return model.status();
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::DeleteModelVersion(
    grpc::CallbackServerContext* context, const v1::DeleteModelVersionRequest* request,
    google::protobuf::Empty* response) {
  return delete_version_.StartOnWorker(context, request, response, [this](auto* call) {
    const absl::StatusOr<DeleteVersionInput> input = ReadDeleteVersion(call->request());
    if (!input.ok()) return input.status();
    const absl::StatusOr<Registry::VersionResult> result =
        environment_.registry->DeleteVersion(input->id, input->number, input->request);
    if (result.ok() && result->replayed) call->scope().MarkReplayed();
    return result.status();
  });
}

absl::Status ModelServiceImpl::ChangeAlias(const absl::StatusOr<AliasInput>& input,
                                           AliasCall call) {
  if (!input.ok()) return input.status();
  const absl::StatusOr<Registry::Result> result = environment_.registry->SetAlias(
      input->id, input->alias, input->version, input->etag, input->request);
  if (!result.ok()) return result.status();
  if (result->replayed) call.scope->MarkReplayed();
  WriteModel(result->model, call.response);
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* ModelServiceImpl::SetAlias(grpc::CallbackServerContext* context,
                                                     const v1::SetAliasRequest* request,
                                                     v1::Model* response) {
  return set_alias_.StartOnWorker(context, request, response, [this](auto* call) {
    return ChangeAlias(ReadSetAlias(call->request()), {&call->scope(), call->response()});
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::DeleteAlias(grpc::CallbackServerContext* context,
                                                        const v1::DeleteAliasRequest* request,
                                                        v1::Model* response) {
  return delete_alias_.StartOnWorker(context, request, response, [this](auto* call) {
    return ChangeAlias(ReadDeleteAlias(call->request()), {&call->scope(), call->response()});
  });
}

grpc::ServerUnaryReactor* ModelServiceImpl::RestoreVersion(grpc::CallbackServerContext* context,
                                                           const v1::RestoreVersionRequest* request,
                                                           v1::Model* response) {
  return restore_.Start(context, request, response, [this](RestoreCall* call) {
    environment_.clerks->Submit([this, call] {
      const absl::Status status = QueueRestore(call);
      if (!status.ok()) call->Finish(status);
    });
    return absl::OkStatus();
  });
}

// The version is read here, on a clerk, so that the lane does not wait for the disk.
// Whether it is there is judged at the call's turn: a repeat needs it no more.
absl::Status ModelServiceImpl::QueueRestore(RestoreCall* call) {
  absl::StatusOr<RestoreInput> input = ReadRestore(call->request());
  if (!input.ok()) return input.status();
  const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(input->id);
  if (!model.ok()) return model.status();
  ReplaceCall replace;
  replace.write = std::move(input->write);
  replace.write.cancellation = call->scope().cancellation();
  replace.reset_optimizer = input->reset_optimizer;
  replace.read = [state = StateOf(**model, input->version), digest = input->digest] {
    return ReplaceInput{state, true, digest};
  };
  replace.done = [call, model = *model](const absl::StatusOr<SetWeightsReply>& reply) {
    if (reply.ok()) {
      if (reply->replayed) call->scope().MarkReplayed();
      WriteModel(AnsweredModel(*reply, *model), call->response());
    }
    call->Finish(reply.status());
  };
  (*model)->Replace(std::move(replace));
  return absl::OkStatus();
}

}  // namespace chainrule::server
