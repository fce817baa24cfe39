#include "server/convert/inference_metadata.h"

#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace chainrule::server {
namespace {

constexpr char kPlatform[] = "chainrule";

// A JSON array of strings.
std::string ToJson(const std::vector<std::string>& names) {
  google::protobuf::ListValue list;
  for (const std::string& name : names) list.add_values()->set_string_value(name);
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(list, &json);
  return status.ok() ? json : "[]";
}

// Calls add(name of the list, JSON) for what the model names.
template <typename Add>
void ForOutputNames(const ModelSettings& settings, Add add) {
  if (!settings.class_names.empty()) add("class_names", ToJson(settings.class_names));
  if (!settings.target_names.empty()) add("target_names", ToJson(settings.target_names));
}

using TensorMetadata = inference::ModelMetadataResponse::TensorMetadata;

void WriteTensor(const std::string& name, int64_t columns, TensorMetadata* tensor) {
  tensor->set_name(name);
  tensor->set_datatype("FP32");
  tensor->add_shape(-1);
  tensor->add_shape(columns);
}

void Write(const InferenceStatistics::Duration& duration, inference::StatisticDuration* message) {
  message->set_count(static_cast<uint64_t>(duration.count));
  message->set_ns(static_cast<uint64_t>(duration.ns));
}

}  // namespace

void WriteModelMetadata(const ModelContext& model, const std::vector<int64_t>& versions,
                        inference::ModelMetadataResponse* response) {
  const ModelSettings& settings = *model.settings;
  response->set_name(model.id);
  for (const int64_t version : versions) response->add_versions(absl::StrCat(version));
  response->set_platform(kPlatform);
  TensorMetadata* input = response->add_inputs();
  WriteTensor(settings.input_name, settings.network.input_width, input);
  if (!settings.feature_names.empty()) {
    (*input->mutable_parameters())["feature_names"].set_string_param(
        ToJson(settings.feature_names));
  }
  TensorMetadata* output = response->add_outputs();
  WriteTensor(settings.output_name, settings.network.output_width(), output);
  ForOutputNames(settings, [output](const char* list, std::string json) {
    (*output->mutable_parameters())[list].set_string_param(std::move(json));
  });
}

void WriteIndexEntry(const std::string& id, int64_t version, const absl::Status& readiness,
                     inference::RepositoryIndexResponse::ModelIndex* entry) {
  entry->set_name(id);
  if (version > 0) entry->set_version(absl::StrCat(version));
  entry->set_state(readiness.ok() ? "READY" : "UNAVAILABLE");
  entry->set_reason(std::string(readiness.message()));
}

void WriteModelConfig(const ModelContext& model, inference::ModelConfig* config) {
  const ModelSettings& settings = *model.settings;
  config->set_name(model.id);
  config->set_platform(kPlatform);
  config->set_backend(kPlatform);
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  config->set_max_batch_size(static_cast<int32_t>(std::min(model.limits->max_rows, kMost)));
  inference::ModelInput* input = config->add_input();
  input->set_name(settings.input_name);
  input->set_data_type(inference::TYPE_FP32);
  input->add_dims(settings.network.input_width);
  inference::ModelOutput* output = config->add_output();
  output->set_name(settings.output_name);
  output->set_data_type(inference::TYPE_FP32);
  output->add_dims(settings.network.output_width());
  config->mutable_dynamic_batching();
  config->mutable_model_transaction_policy();
  auto& parameters = *config->mutable_parameters();
  if (!settings.feature_names.empty()) {
    parameters["feature_names"].set_string_value(ToJson(settings.feature_names));
  }
  ForOutputNames(settings, [&parameters](const char* list, std::string json) {
    parameters[list].set_string_value(std::move(json));
  });
}

void WriteStatistics(const ModelDescription& model, int64_t version,
                     const InferenceStatistics::Sums& sums, inference::ModelStatistics* message) {
  const InferenceStatistics::Totals& totals = sums.totals;
  message->set_name(model.id);
  if (version > 0) {
    message->set_version(absl::StrCat(version));
  } else {
    inference::MemoryUsage* memory = message->add_memory_usage();
    memory->set_type("CPU");
    memory->set_byte_size(static_cast<uint64_t>(model.memory_bytes));
  }
  if (totals.last != absl::InfinitePast()) {
    message->set_last_inference(static_cast<uint64_t>(absl::ToUnixMillis(totals.last)));
  }
  message->set_inference_count(static_cast<uint64_t>(totals.rows));
  message->set_execution_count(static_cast<uint64_t>(totals.batches));
  inference::InferStatistics* stats = message->mutable_inference_stats();
  Write(totals.success, stats->mutable_success());
  Write(totals.fail, stats->mutable_fail());
  Write(totals.queue, stats->mutable_queue());
  Write(totals.input, stats->mutable_compute_input());
  Write(totals.compute, stats->mutable_compute_infer());
  Write(totals.output, stats->mutable_compute_output());
  for (const auto& [rows, batches] : sums.by_size) {
    inference::InferBatchStatistics* same_size = message->add_batch_stats();
    same_size->set_batch_size(static_cast<uint64_t>(rows));
    Write(batches.input, same_size->mutable_compute_input());
    Write(batches.compute, same_size->mutable_compute_infer());
    Write(batches.output, same_size->mutable_compute_output());
  }
}

}  // namespace chainrule::server
