#include "server/rpc/inference_service.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/convert/inference.h"
#include "server/convert/inference_metadata.h"
#include "server/convert/names.h"

namespace chainrule::server {
namespace {

// What a model_version that is not given means, where there is this alias.
constexpr absl::string_view kDefaultAlias = "default";

constexpr char kName[] = "chainrule";
// Of Triton's extensions those that are here.
constexpr const char* kExtensions[] = {"model_configuration", "statistics"};
constexpr int64_t kPage = 1000;

// Calls visit(description) for every model.
template <typename Visit>
void ForModels(const Registry& registry, Visit visit) {
  std::string after;
  do {
    const Registry::Page page = registry.List(after, kPage);
    for (const ModelDescription& model : page.models) visit(model);
    after = page.next_after;
  } while (!after.empty());
}

// Not of a version that was deleted, of which a prediction that was on its way was counted.
bool IsThere(const Model& model, int64_t version) {
  return version == 0 || model.GetVersion(version).ok();
}

void AddModelStatistics(Model* model, int64_t version, bool all_versions,
                        inference::ModelStatisticsResponse* response) {
  const ModelDescription description = model->Describe();
  auto all = model->statistics().Get();
  all.try_emplace(version);
  for (const auto& [number, sums] : all) {
    const bool asked = number == version || (all_versions && IsThere(*model, number));
    if (!asked) continue;
    WriteStatistics(description, number, sums, response->add_model_stats());
  }
}

std::vector<int64_t> VersionsOf(const Model& model) {
  std::vector<int64_t> numbers;
  for (const VersionDescription& version : model.ListVersions()) numbers.push_back(version.number);
  return numbers;
}

// A version's numbers are in a file of their own: it is none the worse for a live model that
// is damaged.
bool IsReady(const FoundModel& found) {
  return found.version > 0 ? found.model->VersionReadiness(found.version).ok()
                           : found.model->Readiness().ok();
}

// The live weights, and each version.
void AddToIndex(const Model& model, bool only_ready, inference::RepositoryIndexResponse* response) {
  const absl::Status live = model.Readiness();
  const absl::Status versions = model.settings().status();
  if (live.ok() || !only_ready) WriteIndexEntry(model.id(), 0, live, response->add_models());
  for (const int64_t version : VersionsOf(model)) {
    const absl::Status ready = versions.ok() ? model.VersionReadiness(version) : versions;
    if (ready.ok() || !only_ready) {
      WriteIndexEntry(model.id(), version, ready, response->add_models());
    }
  }
}

// The one answer of a handler that costs nothing.
template <typename Call>
absl::Status Answer(Call* call) {
  call->Finish(absl::OkStatus());
  return absl::OkStatus();
}

}  // namespace

InferenceServiceImpl::InferenceServiceImpl(const Environment* environment, std::string version,
                                           Methods* methods)
    : environment_(*environment), version_(std::move(version)) {
  const ServiceMethods service(environment, "inference.GRPCInferenceService", methods);
  service.AddProbe("ServerLive", this, &InferenceServiceImpl::ServerLive);
  service.AddProbe("ServerReady", this, &InferenceServiceImpl::ServerReady);
  service.AddProbe("ModelReady", this, &InferenceServiceImpl::ModelReady);
  service.AddUnary("ServerMetadata", this, &InferenceServiceImpl::ServerMetadata);
  service.AddWorked("ModelMetadata", environment->readers, this,
                    &InferenceServiceImpl::ModelMetadata);
  service.AddWorked("ModelConfig", environment->readers, this, &InferenceServiceImpl::ModelConfig);
  service.AddWorked("ModelStatistics", environment->readers, this,
                    &InferenceServiceImpl::ModelStatistics);
  service.AddWorked("RepositoryIndex", environment->readers, this,
                    &InferenceServiceImpl::RepositoryIndex);
  service.AddUnary("ModelInfer", this, &InferenceServiceImpl::ModelInfer);
}

absl::StatusOr<FoundModel> InferenceServiceImpl::Find(absl::string_view id,
                                                      absl::string_view version,
                                                      const Fields& fields) const {
  if (absl::Status status = CheckModelId(id, fields.name); !status.ok()) return status;
  if (version.empty()) return FindDefaultModel(environment_, id, kDefaultAlias);
  if (absl::Status status = CheckRevision(version, fields.version); !status.ok()) return status;
  return FindReadModel(environment_, absl::StrCat(ModelName(id), "@", version), fields.version);
}

absl::Status InferenceServiceImpl::ServerLive(
    UnaryCall<inference::ServerLiveRequest, inference::ServerLiveResponse>* call) {
  call->response()->set_live(true);
  return Answer(call);
}

absl::Status InferenceServiceImpl::ServerReady(
    UnaryCall<inference::ServerReadyRequest, inference::ServerReadyResponse>* call) {
  call->response()->set_ready(!environment_.stopping.load(std::memory_order_relaxed));
  return Answer(call);
}

absl::Status InferenceServiceImpl::ModelReady(
    UnaryCall<inference::ModelReadyRequest, inference::ModelReadyResponse>* call) {
  const auto found = Find(call->request().name(), call->request().version(), kFields);
  const bool stops = environment_.stopping.load(std::memory_order_relaxed);
  call->response()->set_ready(!stops && found.ok() && IsReady(*found));
  return Answer(call);
}

absl::Status InferenceServiceImpl::ServerMetadata(
    UnaryCall<inference::ServerMetadataRequest, inference::ServerMetadataResponse>* call) {
  call->response()->set_name(kName);
  call->response()->set_version(version_);
  for (const char* extension : kExtensions) call->response()->add_extensions(extension);
  return Answer(call);
}

absl::Status InferenceServiceImpl::ModelMetadata(
    UnaryCall<inference::ModelMetadataRequest, inference::ModelMetadataResponse>* call) {
  const auto found = Find(call->request().name(), call->request().version(), kFields);
  if (found.ok()) WriteModelMetadata(found->context, VersionsOf(*found->model), call->response());
  return found.status();
}

absl::Status InferenceServiceImpl::ModelConfig(
    UnaryCall<inference::ModelConfigRequest, inference::ModelConfigResponse>* call) {
  const auto found = Find(call->request().name(), call->request().version(), kFields);
  if (found.ok()) WriteModelConfig(found->context, call->response()->mutable_config());
  return found.status();
}

absl::Status InferenceServiceImpl::RepositoryIndex(
    UnaryCall<inference::RepositoryIndexRequest, inference::RepositoryIndexResponse>* call) {
  ForModels(*environment_.registry, [this, call](const ModelDescription& model) {
    const auto found = environment_.registry->Find(model.id);
    if (found.ok()) AddToIndex(**found, call->request().ready(), call->response());
  });
  return absl::OkStatus();
}

absl::Status InferenceServiceImpl::ModelStatistics(
    UnaryCall<inference::ModelStatisticsRequest, inference::ModelStatisticsResponse>* call) {
  const inference::ModelStatisticsRequest& request = call->request();
  inference::ModelStatisticsResponse* const response = call->response();
  if (!request.name().empty()) {
    const auto found = Find(request.name(), request.version(), kFields);
    if (!found.ok()) return found.status();
    AddModelStatistics(found->model.get(), found->version, request.version().empty(), response);
    return absl::OkStatus();
  }
  ForModels(*environment_.registry, [&](const ModelDescription& model) {
    const auto found = environment_.registry->Find(model.id);
    if (found.ok()) AddModelStatistics(found->get(), 0, true, response);
  });
  return absl::OkStatus();
}

absl::Status InferenceServiceImpl::ModelInfer(InferCall* call) {
  absl::StatusOr<FoundModel> found =
      Find(call->request().model_name(), call->request().model_version(), kInferFields);
  if (!found.ok()) return found.status();
  const absl::StatusOr<InferArguments> arguments = CheckInfer(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  if (absl::Status full = call->scope().Grow(arguments->reply_bytes); !full.ok()) return full;
  call->scope().AddRows(arguments->inputs.rows);
  PredictCall predict;
  predict.model = std::move(found->model);
  if (found->version > 0) predict.pinned = std::move(found->snapshot);
  predict.version = found->version;
  predict.inputs = arguments->inputs.elements;
  predict.rows = arguments->inputs.rows;
  predict.reply_bytes = arguments->reply_bytes;
  predict.place = [call, arguments = *arguments](const Snapshot& snapshot,
                                                 engine::MatrixView* outputs,
                                                 engine::MatrixView* logits) {
    *outputs = PlaceInference(arguments, snapshot.settings(), call->response());
    *logits = {};
  };
  predict.cancellation = &call->cancellation();
  predict.done = [call, inputs = arguments->inputs, version = found->version](
                     const absl::Status& status, const Snapshot& snapshot) {
    if (status.ok()) {
      WriteInference(call->request(), snapshot.step(), version, call->response());
    }
    call->Finish(WithNames(status, inputs, "inputs[0]", snapshot.settings().feature_names));
  };
  environment_.batcher->Predict(std::move(predict));
  return absl::OkStatus();
}

}  // namespace chainrule::server
