// ModelService's handlers of versions, aliases and copies.
#include <memory>
#include <utility>

#include "server/convert/models.h"
#include "server/convert/versions.h"
#include "server/rpc/answer_model.h"
#include "server/rpc/model_service.h"

namespace chainrule::server {
namespace {

absl::StatusOr<engine::ModelState> StateOf(Model& model, const std::string& version) {
  const absl::StatusOr<int64_t> number = model.ResolveVersion(version);
  if (!number.ok()) return number.status();
  const absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot = model.LoadVersion(*number);
  if (!snapshot.ok()) return snapshot.status();
  return (*snapshot)->state();
}

}  // namespace

void ModelServiceImpl::AddVersionMethods(const ServiceMethods& service) {
  service.AddWorked("CopyModel", environment_.clerks, this, &ModelServiceImpl::CopyModel);
  service.AddWorked("PublishVersion", environment_.clerks, this, &ModelServiceImpl::PublishVersion);
  service.AddWorked("GetModelVersion", environment_.readers, this,
                    &ModelServiceImpl::GetModelVersion);
  service.AddWorked("ListModelVersions", environment_.readers, this,
                    &ModelServiceImpl::ListModelVersions);
  service.AddWorked("DeleteModelVersion", environment_.clerks, this,
                    &ModelServiceImpl::DeleteModelVersion);
  service.AddWorked("SetAlias", environment_.clerks, this, &ModelServiceImpl::SetAlias);
  service.AddWorked("DeleteAlias", environment_.clerks, this, &ModelServiceImpl::DeleteAlias);
  service.AddUnary("RestoreVersion", this, &ModelServiceImpl::RestoreVersion);
}

absl::Status ModelServiceImpl::CopyModel(UnaryCall<v1::CopyModelRequest, v1::Model>* call) {
  const absl::StatusOr<CopyModelInput> input = ReadCopyModel(call->request());
  if (!input.ok()) return input.status();
  return AnswerModel(environment_.registry->Copy(input->source.id, input->source.revision,
                                                 input->id, input->reset_optimizer, input->request),
                     call);
}

absl::Status ModelServiceImpl::PublishVersion(
    UnaryCall<v1::PublishVersionRequest, v1::ModelVersion>* call) {
  absl::StatusOr<PublishInput> input = ReadPublish(call->request());
  if (!input.ok()) return input.status();
  const absl::StatusOr<Registry::VersionResult> result = environment_.registry->Publish(
      input->id, std::move(input->labels), input->if_step, input->request);
  if (!result.ok()) return result.status();
  if (result->replayed) call->scope().MarkReplayed();
  WriteVersion(result->version, call->response());
  return absl::OkStatus();
}

absl::Status ModelServiceImpl::GetModelVersion(
    UnaryCall<v1::GetModelVersionRequest, v1::ModelVersion>* call) {
  const absl::StatusOr<ModelReference> reference = ReadGetVersion(call->request());
  if (!reference.ok()) return reference.status();
  const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(reference->id);
  if (!model.ok()) return model.status();
  const absl::StatusOr<int64_t> number = (*model)->ResolveVersion(reference->revision);
  if (!number.ok()) return number.status();
  const absl::StatusOr<VersionDescription> version = (*model)->GetVersion(*number);
  if (version.ok()) WriteVersion(*version, call->response());
  return version.status();
}

absl::Status ModelServiceImpl::ListModelVersions(
    UnaryCall<v1::ListModelVersionsRequest, v1::ListModelVersionsResponse>* call) {
  const absl::StatusOr<ListVersionsInput> input = ReadListVersions(call->request());
  if (!input.ok()) return input.status();
  const absl::StatusOr<std::shared_ptr<Model>> model = environment_.registry->Find(input->id);
  if (model.ok()) WriteVersions((*model)->ListVersions(), *input, call->response());
  return model.status();
}

absl::Status ModelServiceImpl::DeleteModelVersion(
    UnaryCall<v1::DeleteModelVersionRequest, google::protobuf::Empty>* call) {
  const absl::StatusOr<DeleteVersionInput> input = ReadDeleteVersion(call->request());
  if (!input.ok()) return input.status();
  const absl::StatusOr<Registry::VersionResult> result =
      environment_.registry->DeleteVersion(input->id, input->number, input->request);
  if (result.ok() && result->replayed) call->scope().MarkReplayed();
  return result.status();
}

absl::StatusOr<Registry::Result> ModelServiceImpl::ChangeAlias(
    const absl::StatusOr<AliasInput>& input) {
  if (!input.ok()) return input.status();
  return environment_.registry->SetAlias(input->id, input->alias, input->version, input->etag,
                                         input->request);
}

absl::Status ModelServiceImpl::SetAlias(UnaryCall<v1::SetAliasRequest, v1::Model>* call) {
  return AnswerModel(ChangeAlias(ReadSetAlias(call->request())), call);
}

absl::Status ModelServiceImpl::DeleteAlias(UnaryCall<v1::DeleteAliasRequest, v1::Model>* call) {
  return AnswerModel(ChangeAlias(ReadDeleteAlias(call->request())), call);
}

absl::Status ModelServiceImpl::RestoreVersion(
    UnaryCall<v1::RestoreVersionRequest, v1::Model>* call) {
  environment_.clerks->Submit([this, call] {
    const absl::Status status = QueueRestore(call);
    if (!status.ok()) call->Finish(status);
  });
  return absl::OkStatus();
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
