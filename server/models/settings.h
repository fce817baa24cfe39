// What a model is beside its numbers: plain values.
#ifndef CHAINRULE_SERVER_MODELS_SETTINGS_H_
#define CHAINRULE_SERVER_MODELS_SETTINGS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "engine/nn/network.h"
#include "engine/nn/normalization.h"
#include "engine/nn/spec.h"

namespace chainrule::server {

// A spec as resolved, fixed once the model is created but for the learning rate.
struct ModelSettings {
  engine::NetworkSpec network;
  std::vector<std::string> feature_names;  // empty or input_width
  std::vector<std::string> class_names;    // empty or ClassCount
  std::vector<std::string> target_names;   // empty or output_width
  std::string input_name = "input";
  std::string output_name = "output";
};

// Classes that a row can be of: 2 for one sigmoid unit, the units of a categorical or
// one-hot network; 0 for regression and for multi-label networks.
int64_t ClassCount(const engine::NetworkSpec& spec);

// What UpdateModel changes; what is unset stays.
struct ModelUpdate {
  std::optional<std::map<std::string, std::string>> labels = std::nullopt;
  std::optional<double> learning_rate = std::nullopt;
};

// READY: calls are answered. LOADING: it was not shut down in order, and what it learned
// last is being read back. FAILED: what is stored of it is damaged.
enum class ModelCondition : uint8_t { kReady, kLoading, kFailed };

// A model as GetModel shows it, taken at one moment.
struct ModelDescription {
  std::string id;  // without "models/"
  std::string uid;
  std::shared_ptr<const ModelSettings> settings;
  std::shared_ptr<const engine::Normalization> normalization;
  ModelCondition condition = ModelCondition::kReady;
  int64_t step = 0;
  int64_t durable_step = 0;
  int64_t parameter_count = 0;
  int64_t memory_bytes = 0;
  std::map<std::string, std::string> labels;
  std::map<std::string, int64_t> aliases;  // each of a version's number
  std::string etag;
  std::string incarnation;
  absl::Time create_time;
  absl::Time update_time;
};

// A version as GetModelVersion shows it.
struct VersionDescription {
  std::string model_id;  // without "models/"
  int64_t number = 0;
  int64_t step = 0;
  std::map<std::string, std::string> labels;
  absl::Time create_time;
};

// What a lifecycle call answers: the model, or one of its versions.
struct LifecycleOutcome {
  ModelDescription model;
  VersionDescription version;
};

// Adds the answer of a lifecycle call to the change that it makes.
struct StoreChange;
using Stamp = absl::FunctionRef<void(const LifecycleOutcome& answer, StoreChange* change)>;
inline constexpr auto kNoStamp = [](const LifecycleOutcome&, StoreChange*) {};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_SETTINGS_H_
