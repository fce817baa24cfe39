#include "server/models/description_codec.h"

#include <map>
#include <utility>

#include "server/models/codec.h"
#include "server/models/settings_json.h"

namespace chainrule::server {
namespace {

constexpr uint32_t kFormat = 1;
using Labels = std::map<std::string, std::string>;

void PutLabels(const Labels& labels, ByteWriter* writer) {
  writer->Put<uint64_t>(labels.size());
  for (const auto& [key, value] : labels) {
    writer->PutText(key);
    writer->PutText(value);
  }
}

Labels GetLabels(ByteReader* reader) {
  constexpr size_t kLabelBytes = 16;  // at least
  Labels labels;
  for (uint64_t left = reader->GetCount(kLabelBytes); left > 0; --left) {
    std::string key(reader->GetText());
    labels[std::move(key)] = std::string(reader->GetText());
  }
  return labels;
}

void PutModel(const ModelDescription& model, ByteWriter* writer) {
  writer->PutText(model.id);
  writer->PutText(model.uid);
  const bool known = model.settings != nullptr;
  writer->PutText(known ? EncodeSettings(*model.settings, *model.normalization) : "");
  writer->PutEnum(model.condition);
  writer->Put(model.step);
  writer->Put(model.durable_step);
  writer->Put(model.parameter_count);
  writer->Put(model.memory_bytes);
  PutLabels(model.labels, writer);
  writer->Put<uint64_t>(model.aliases.size());
  for (const auto& [alias, version] : model.aliases) {
    writer->PutText(alias);
    writer->Put(version);
  }
  writer->PutText(model.etag);
  writer->PutText(model.incarnation);
  writer->PutTime(model.create_time);
  writer->PutTime(model.update_time);
}

ModelDescription GetModel(ByteReader* reader) {
  constexpr size_t kAliasBytes = 16;  // at least
  ModelDescription model;
  model.id = std::string(reader->GetText());
  model.uid = std::string(reader->GetText());
  const absl::string_view json = reader->GetText();
  if (!json.empty()) {
    absl::StatusOr<StoredSettings> settings = DecodeSettings(json);
    if (settings.ok()) {
      model.settings = std::move(settings->settings);
      model.normalization = std::move(settings->normalization);
    } else {
      reader->Fail();
    }
  }
  model.condition = reader->GetEnum(ModelCondition::kFailed);
  model.step = reader->Get<int64_t>();
  model.durable_step = reader->Get<int64_t>();
  model.parameter_count = reader->Get<int64_t>();
  model.memory_bytes = reader->Get<int64_t>();
  model.labels = GetLabels(reader);
  for (uint64_t left = reader->GetCount(kAliasBytes); left > 0; --left) {
    std::string alias(reader->GetText());
    model.aliases[std::move(alias)] = reader->Get<int64_t>();
  }
  model.etag = std::string(reader->GetText());
  model.incarnation = std::string(reader->GetText());
  model.create_time = reader->GetTime();
  model.update_time = reader->GetTime();
  return model;
}

void PutVersion(const VersionDescription& version, ByteWriter* writer) {
  writer->PutText(version.model_id);
  writer->Put(version.number);
  writer->Put(version.step);
  PutLabels(version.labels, writer);
  writer->PutTime(version.create_time);
}

VersionDescription GetVersion(ByteReader* reader) {
  VersionDescription version;
  version.model_id = std::string(reader->GetText());
  version.number = reader->Get<int64_t>();
  version.step = reader->Get<int64_t>();
  version.labels = GetLabels(reader);
  version.create_time = reader->GetTime();
  return version;
}

}  // namespace

std::string EncodeLifecycle(const LifecycleOutcome& outcome) {
  ByteWriter writer;
  writer.Put(kFormat);
  PutModel(outcome.model, &writer);
  PutVersion(outcome.version, &writer);
  return writer.Take();
}

absl::StatusOr<LifecycleOutcome> DecodeLifecycle(absl::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.Get<uint32_t>() != kFormat) reader.Fail();
  LifecycleOutcome outcome;
  outcome.model = GetModel(&reader);
  outcome.version = GetVersion(&reader);
  if (!reader.AtEnd()) return absl::DataLossError("a remembered answer cannot be read");
  return outcome;
}

}  // namespace chainrule::server
