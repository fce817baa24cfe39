#include "server/convert/versions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/digest.h"
#include "server/convert/models.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

constexpr int64_t kDefaultPageSize = 50;
constexpr int64_t kMaxPageSize = 1000;

absl::StatusOr<Registry::Request> ReadRequestId(const std::string& request_id,
                                                const google::protobuf::Message& message) {
  absl::StatusOr<std::string> id = ParseRequestId(request_id);
  if (!id.ok()) return id.status();
  return Registry::Request{*std::move(id), DigestMessage(message)};
}

template <typename Request>
std::optional<int64_t> IfStep(const Request& request) {
  if (!request.has_if_step()) return std::nullopt;
  return request.if_step();
}

absl::Status CheckIfStep(std::optional<int64_t> if_step) {
  if (if_step.value_or(0) >= 0) return absl::OkStatus();
  return engine::InvalidField("if_step", absl::StrCat(*if_step, "; must be 0 or more"));
}

absl::Status CheckVersionNumber(int64_t version) {
  if (version > 0) return absl::OkStatus();
  return engine::InvalidField("version", absl::StrCat(version, "; must be 1 or more"));
}

// `models/iris@3` or `models/iris@prod`.
absl::StatusOr<ModelReference> ParseVersion(absl::string_view name) {
  absl::StatusOr<ModelReference> reference = ParseModelReference(name, "name");
  if (reference.ok() && !reference->revision.empty()) return reference;
  return engine::InvalidField(
      "name", absl::StrCat(Echo(name),
                           "; must name a version: models/{model}@{number}, from 1, or "
                           "models/{model}@{alias}"));
}

absl::StatusOr<int64_t> ReadPageToken(const std::string& token) {
  int64_t after = 0;
  if (token.empty()) return after;
  if (absl::SimpleAtoi(token, &after) && after > 0 && absl::StrCat(after) == token) return after;
  return engine::InvalidField(
      "page_token",
      absl::StrCat(Echo(token), "; must be empty or the next_page_token of the page before"));
}

}  // namespace

absl::StatusOr<CopyModelInput> ReadCopyModel(const v1::CopyModelRequest& request) {
  absl::StatusOr<ModelReference> source = ParseModelReference(request.source(), "source");
  if (!source.ok()) return source.status();
  if (absl::Status id = CheckModelId(request.model_id(), "model_id"); !id.ok()) return id;
  absl::StatusOr<Registry::Request> once = ReadRequestId(request.request_id(), request);
  if (!once.ok()) return once.status();
  return CopyModelInput{*std::move(source), request.model_id(), request.reset_optimizer(),
                        *std::move(once)};
}

absl::StatusOr<PublishInput> ReadPublish(const v1::PublishVersionRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.model(), "model");
  if (!id.ok()) return id.status();
  absl::StatusOr<Registry::Request> once = ReadRequestId(request.request_id(), request);
  if (!once.ok()) return once.status();
  Violations violations;
  CheckLabels(request.labels(), "labels", &violations);
  if (!violations.empty()) return violations.ToStatus();
  if (absl::Status status = CheckIfStep(IfStep(request)); !status.ok()) return status;
  return PublishInput{*std::move(id),
                      {request.labels().begin(), request.labels().end()},
                      IfStep(request),
                      *std::move(once)};
}

absl::StatusOr<ModelReference> ReadGetVersion(const v1::GetModelVersionRequest& request) {
  return ParseVersion(request.name());
}

absl::StatusOr<ListVersionsInput> ReadListVersions(const v1::ListModelVersionsRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.parent(), "parent");
  if (!id.ok()) return id.status();
  if (request.page_size() < 0) {
    return engine::InvalidField("page_size",
                                absl::StrCat(request.page_size(), "; must be 0 or more"));
  }
  const absl::StatusOr<int64_t> after = ReadPageToken(request.page_token());
  if (!after.ok()) return after.status();
  const int64_t size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  return ListVersionsInput{*std::move(id), *after, std::min(size, kMaxPageSize)};
}

void WriteVersions(const std::vector<VersionDescription>& all, const ListVersionsInput& input,
                   v1::ListModelVersionsResponse* response) {
  for (const VersionDescription& version : all) {
    if (version.number <= input.after) continue;
    if (response->model_versions_size() == input.page_size) {
      const ModelReference last =
          *ParseModelReference(response->model_versions().rbegin()->name(), "name");
      response->set_next_page_token(last.revision);
      return;
    }
    WriteVersion(version, response->add_model_versions());
  }
}

absl::StatusOr<DeleteVersionInput> ReadDeleteVersion(const v1::DeleteModelVersionRequest& request) {
  absl::StatusOr<ModelReference> reference = ParseVersion(request.name());
  if (!reference.ok()) return reference.status();
  DeleteVersionInput input;
  if (!absl::SimpleAtoi(reference->revision, &input.number)) {
    return engine::InvalidField(
        "name", absl::StrCat(Echo(request.name()), "; must name a version by its number"));
  }
  absl::StatusOr<Registry::Request> once = ReadRequestId(request.request_id(), request);
  if (!once.ok()) return once.status();
  input.id = std::move(reference->id);
  input.request = *std::move(once);
  return input;
}

absl::StatusOr<AliasInput> ReadSetAlias(const v1::SetAliasRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.model(), "model");
  if (!id.ok()) return id.status();
  if (absl::Status alias = CheckModelId(request.alias(), "alias"); !alias.ok()) return alias;
  if (absl::Status number = CheckVersionNumber(request.version()); !number.ok()) return number;
  absl::StatusOr<Registry::Request> once = ReadRequestId(request.request_id(), request);
  if (!once.ok()) return once.status();
  return AliasInput{*std::move(id), request.alias(), request.version(), request.etag(),
                    *std::move(once)};
}

absl::StatusOr<AliasInput> ReadDeleteAlias(const v1::DeleteAliasRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.model(), "model");
  if (!id.ok()) return id.status();
  if (absl::Status alias = CheckModelId(request.alias(), "alias"); !alias.ok()) return alias;
  absl::StatusOr<Registry::Request> once = ReadRequestId(request.request_id(), request);
  if (!once.ok()) return once.status();
  return AliasInput{*std::move(id), request.alias(), std::nullopt, request.etag(),
                    *std::move(once)};
}

absl::StatusOr<RestoreInput> ReadRestore(const v1::RestoreVersionRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.model(), "model");
  if (!id.ok()) return id.status();
  if (absl::Status version = CheckRevision(request.version(), "version"); !version.ok()) {
    return version;
  }
  absl::StatusOr<Registry::Request> once = ReadRequestId(request.request_id(), request);
  if (!once.ok()) return once.status();
  if (absl::Status status = CheckIfStep(IfStep(request)); !status.ok()) return status;
  RestoreInput input;
  input.id = *std::move(id);
  input.version = request.version();
  input.reset_optimizer = request.reset_optimizer();
  input.write.request_id = std::move(once->id);
  input.write.if_step = IfStep(request);
  input.digest = once->digest;
  return input;
}

void WriteVersion(const VersionDescription& version, v1::ModelVersion* message) {
  message->set_name(absl::StrCat(ModelName(version.model_id), "@", version.number));
  message->set_step(version.step);
  message->mutable_labels()->insert(version.labels.begin(), version.labels.end());
  WriteTime(version.create_time, message->mutable_create_time());
}

}  // namespace chainrule::server
