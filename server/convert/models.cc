#include "server/convert/models.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/digest.h"
#include "server/convert/names.h"
#include "server/convert/ranges.h"
#include "server/convert/spec.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using Labels = google::protobuf::Map<std::string, std::string>;

constexpr size_t kMaxLabels = 64;
constexpr size_t kMaxLabelLength = 63;
constexpr absl::string_view kLabelsPath = "labels";
constexpr absl::string_view kRatePath = "spec.optimizer.learning_rate";

bool IsLabelKey(absl::string_view key) {
  if (key.empty() || key.size() > kMaxLabelLength || !absl::ascii_islower(key.front())) {
    return false;
  }
  for (const char c : key) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '_' && c != '-') return false;
  }
  return true;
}

// Characters of UTF-8: the bytes that do not continue one.
size_t CharacterCount(absl::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

absl::Status CheckName(const v1::CreateModelRequest& request) {
  const std::string& name = request.model().name();
  if (name.empty() || name == ModelName(request.model_id())) return absl::OkStatus();
  return engine::InvalidField("model.name", absl::StrCat(Echo(name), "; must be empty or ",
                                                         Echo(ModelName(request.model_id()))));
}

// Of what CreateModel reads: output-only fields make no difference.
ContentDigest DigestCreation(const v1::CreateModelRequest& request) {
  v1::CreateModelRequest content;
  content.set_model_id(request.model_id());
  *content.mutable_model()->mutable_spec() = request.model().spec();
  *content.mutable_model()->mutable_labels() = request.model().labels();
  return DigestMessage(content);
}

std::map<std::string, std::string> ToMap(const Labels& labels) {
  return {labels.begin(), labels.end()};
}

bool HasRate(const v1::Model& model) { return model.spec().optimizer().has_learning_rate(); }

// Which of the two a request without a mask changes: those that it has.
google::protobuf::FieldMask MaskOf(const v1::UpdateModelRequest& request) {
  if (request.has_update_mask()) return request.update_mask();
  google::protobuf::FieldMask mask;
  if (!request.model().labels().empty()) mask.add_paths(std::string(kLabelsPath));
  if (HasRate(request.model())) mask.add_paths(std::string(kRatePath));
  return mask;
}

void ReadLabels(const v1::Model& model, Registry::Update* update, Violations* violations) {
  CheckLabels(model.labels(), "model.labels", violations);
  update->labels = ToMap(model.labels());
}

void ReadRate(const v1::Model& model, Registry::Update* update, Violations* violations) {
  const std::string field = absl::StrCat("model.", kRatePath);
  if (!HasRate(model)) return violations->Add(field, "unset; the update_mask names it");
  const double rate = model.spec().optimizer().learning_rate();
  CheckFloat(rate, kPositive, field, violations);
  update->learning_rate = rate;
}

absl::StatusOr<Registry::Update> ReadUpdate(const v1::UpdateModelRequest& request) {
  const google::protobuf::FieldMask mask = MaskOf(request);
  Registry::Update update;
  Violations violations;
  for (int i = 0; i < mask.paths_size(); ++i) {
    if (mask.paths(i) == kLabelsPath) {
      ReadLabels(request.model(), &update, &violations);
    } else if (mask.paths(i) == kRatePath) {
      ReadRate(request.model(), &update, &violations);
    } else {
      violations.Add(
          absl::StrCat("update_mask.paths[", i, "]"),
          absl::StrCat(Echo(mask.paths(i)), "; must be ", kLabelsPath, " or ", kRatePath));
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  return update;
}

v1::ModelState WriteCondition(ModelCondition condition) {
  switch (condition) {
    case ModelCondition::kReady:
      return v1::MODEL_STATE_READY;
    case ModelCondition::kLoading:
      return v1::MODEL_STATE_LOADING;
    case ModelCondition::kFailed:
      return v1::MODEL_STATE_FAILED;
  }
  return v1::MODEL_STATE_UNSPECIFIED;
}

}  // namespace

void WriteTime(absl::Time time, google::protobuf::Timestamp* message) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  message->set_seconds(seconds);
  message->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void CheckLabels(const Labels& labels, absl::string_view field, Violations* violations) {
  if (labels.size() > kMaxLabels) {
    violations->Add(field,
                    absl::StrCat(labels.size(), " labels; must be ", kMaxLabels, " or fewer"));
  }
  for (const auto& [key, value] : ToMap(labels)) {  // in order: the same error each time
    const auto path = [&, key = absl::string_view(key)] {
      return absl::StrCat(field, "[", Echo(key), "]");
    };
    if (!IsLabelKey(key)) {
      violations->Add(path(), absl::StrCat(Echo(key), "; the key must be [a-z]([a-z0-9_-]{0,62})"));
    } else if (const size_t length = CharacterCount(value); length > kMaxLabelLength) {
      violations->Add(path(),
                      absl::StrCat(length, " characters; must be ", kMaxLabelLength, " or fewer"));
    }
  }
}

absl::StatusOr<CreateModelInput> ReadCreateModel(const v1::CreateModelRequest& request,
                                                 const Limits& limits) {
  if (absl::Status id = CheckModelId(request.model_id(), "model_id"); !id.ok()) return id;
  if (absl::Status name = CheckName(request); !name.ok()) return name;
  absl::StatusOr<std::string> request_id = ParseRequestId(request.request_id());
  if (!request_id.ok()) return request_id.status();
  if (!request.model().has_spec()) {
    return engine::InvalidField("model.spec", "unset; is required");
  }
  Violations violations;
  CheckLabels(request.model().labels(), "model.labels", &violations);
  if (!violations.empty()) return violations.ToStatus();
  absl::StatusOr<ResolvedSpec> spec = ReadSpec(request.model().spec(), limits);
  if (!spec.ok()) return spec.status();
  return CreateModelInput{request.model_id(),
                          std::move(spec->settings),
                          std::move(spec->normalization),
                          ToMap(request.model().labels()),
                          {*std::move(request_id), DigestCreation(request)},
                          request.validate_only()};
}

absl::StatusOr<UpdateModelInput> ReadUpdateModel(const v1::UpdateModelRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.model().name(), "model.name");
  if (!id.ok()) return id.status();
  absl::StatusOr<std::string> request_id = ParseRequestId(request.request_id());
  if (!request_id.ok()) return request_id.status();
  absl::StatusOr<Registry::Update> update = ReadUpdate(request);
  if (!update.ok()) return update.status();
  return UpdateModelInput{*std::move(id),
                          request.model().etag(),
                          *std::move(update),
                          {*std::move(request_id), DigestMessage(request)}};
}

absl::StatusOr<DeleteModelInput> ReadDeleteModel(const v1::DeleteModelRequest& request) {
  absl::StatusOr<std::string> id = ParseLiveModel(request.name(), "name");
  if (!id.ok()) return id.status();
  absl::StatusOr<std::string> request_id = ParseRequestId(request.request_id());
  if (!request_id.ok()) return request_id.status();
  return DeleteModelInput{
      *std::move(id), request.etag(), {*std::move(request_id), DigestMessage(request)}};
}

void WriteModel(const ModelDescription& description, v1::Model* model) {
  model->set_name(ModelName(description.id));
  model->set_uid(description.uid);
  if (description.settings != nullptr) {  // what is damaged may not tell them
    WriteSpec(*description.settings, *description.normalization, model->mutable_spec());
  }
  model->set_state(WriteCondition(description.condition));
  model->set_step(description.step);
  model->set_durable_step(description.durable_step);
  model->set_parameter_count(description.parameter_count);
  model->set_memory_bytes(description.memory_bytes);
  model->mutable_labels()->insert(description.labels.begin(), description.labels.end());
  model->mutable_aliases()->insert(description.aliases.begin(), description.aliases.end());
  model->set_etag(description.etag);
  model->set_incarnation(description.incarnation);
  if (description.uid.empty()) return;  // what validate_only answers was not created
  WriteTime(description.create_time, model->mutable_create_time());
  WriteTime(description.update_time, model->mutable_update_time());
}

}  // namespace chainrule::server
