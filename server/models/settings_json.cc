#include "server/models/settings_json.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/io/strict_json.h"

namespace chainrule::server {
namespace {

using engine::LayerSpec;
using engine::OptimizerSpec;
using engine::ScheduleSpec;
using engine::Standardizer;
using Json = nlohmann::json;

constexpr int kFormat = 1;

// JSON has no infinity: what is without bound is left out.
void PutBound(Json& json, const char* name, double value) {
  if (std::isfinite(value)) json[name] = value;
}

double GetBound(const Json& json, const char* name) {
  return json.value(name, std::numeric_limits<double>::infinity());
}

template <typename Enum>
int Number(Enum value) {
  return static_cast<int>(value);
}

// Throws, as nlohmann does, what is no value up to `last`.
template <typename Enum>
Enum GetEnum(const Json& json, const char* name, Enum initial, Enum last) {
  const int value = json.value(name, Number(initial));
  if (value < 0 || value > Number(last)) {
    throw Json::other_error::create(501, absl::StrCat(name, ": ", value), &json);
  }
  return static_cast<Enum>(value);
}

Json Layer(const LayerSpec& layer) {
  return {{"units", layer.units},
          {"activation", Number(layer.activation.kind)},
          {"slope", layer.activation.slope},
          {"initializer", Number(layer.initializer)},
          {"dropout", layer.dropout},
          {"l1", layer.l1},
          {"l2", layer.l2}};
}

LayerSpec GetLayer(const Json& json) {
  LayerSpec layer;
  layer.units = json.at("units").get<int64_t>();
  layer.activation.kind =
      GetEnum(json, "activation", layer.activation.kind, engine::Activation::kSoftmax);
  layer.activation.slope = json.value("slope", layer.activation.slope);
  layer.initializer = GetEnum(json, "initializer", layer.initializer, engine::Initializer::kZeros);
  layer.dropout = json.value("dropout", layer.dropout);
  layer.l1 = json.value("l1", layer.l1);
  layer.l2 = json.value("l2", layer.l2);
  return layer;
}

Json Schedule(const ScheduleSpec& schedule) {
  return {{"kind", Number(schedule.kind)},
          {"gamma", schedule.gamma},
          {"period", schedule.period},
          {"floor", schedule.floor},
          {"warmup_steps", schedule.warmup_steps}};
}

ScheduleSpec GetSchedule(const Json& json) {
  ScheduleSpec schedule;
  schedule.kind = GetEnum(json, "kind", schedule.kind, engine::ScheduleKind::kInverseTime);
  schedule.gamma = json.value("gamma", schedule.gamma);
  schedule.period = json.value("period", schedule.period);
  schedule.floor = json.value("floor", schedule.floor);
  schedule.warmup_steps = json.value("warmup_steps", schedule.warmup_steps);
  return schedule;
}

Json Optimizer(const OptimizerSpec& optimizer) {
  Json json = {{"kind", Number(optimizer.kind)},
               {"learning_rate", optimizer.learning_rate},
               {"momentum", optimizer.momentum},
               {"nesterov", optimizer.nesterov},
               {"beta1", optimizer.beta1},
               {"beta2", optimizer.beta2},
               {"epsilon", optimizer.epsilon},
               {"rho", optimizer.rho},
               {"weight_decay", optimizer.weight_decay},
               {"schedule", Schedule(optimizer.schedule)}};
  PutBound(json, "clip_value", optimizer.clip_value);
  PutBound(json, "clip_norm", optimizer.clip_norm);
  return json;
}

OptimizerSpec GetOptimizer(const Json& json) {
  OptimizerSpec optimizer;
  optimizer.kind = GetEnum(json, "kind", optimizer.kind, engine::OptimizerKind::kAdagrad);
  optimizer.learning_rate = json.value("learning_rate", optimizer.learning_rate);
  optimizer.momentum = json.value("momentum", optimizer.momentum);
  optimizer.nesterov = json.value("nesterov", optimizer.nesterov);
  optimizer.beta1 = json.value("beta1", optimizer.beta1);
  optimizer.beta2 = json.value("beta2", optimizer.beta2);
  optimizer.epsilon = json.value("epsilon", optimizer.epsilon);
  optimizer.rho = json.value("rho", optimizer.rho);
  optimizer.weight_decay = json.value("weight_decay", optimizer.weight_decay);
  optimizer.clip_value = GetBound(json, "clip_value");
  optimizer.clip_norm = GetBound(json, "clip_norm");
  optimizer.schedule = GetSchedule(json.value("schedule", Json::object()));
  return optimizer;
}

Json Standard(const Standardizer& standardizer) {
  return {{"mean", standardizer.mean}, {"scale", standardizer.scale}};
}

Standardizer GetStandard(const Json& json, const char* name) {
  Standardizer standardizer;
  const Json object = json.value(name, Json::object());
  standardizer.mean = object.value("mean", standardizer.mean);
  standardizer.scale = object.value("scale", standardizer.scale);
  return standardizer;
}

engine::NetworkSpec GetNetwork(const Json& json) {
  engine::NetworkSpec network;
  network.input_width = json.at("input_width").get<int64_t>();
  for (const Json& layer : json.at("layers")) network.layers.push_back(GetLayer(layer));
  network.loss.kind = GetEnum(json, "loss", network.loss.kind, engine::Loss::kHuber);
  network.loss.huber_delta = json.value("huber_delta", network.loss.huber_delta);
  network.multi_label = json.value("multi_label", false);
  network.seed = json.value("seed", network.seed);
  network.optimizer = GetOptimizer(json.value("optimizer", Json::object()));
  return network;
}

bool Fits(const Standardizer& standardizer, int64_t columns) {
  const size_t size = standardizer.mean.size();
  return standardizer.scale.size() == size && (size == 0 || size == static_cast<size_t>(columns));
}

// What the engine requires of a spec before it makes a network of it.
bool IsSound(const engine::NetworkSpec& network, const engine::Normalization& normalization) {
  if (network.input_width < 1 || network.layers.empty()) return false;
  for (const LayerSpec& layer : network.layers) {
    if (layer.units < 1) return false;
  }
  return engine::ParameterCount(network).has_value() &&
         Fits(normalization.inputs, network.input_width) &&
         Fits(normalization.targets, network.output_width());
}

}  // namespace

std::string EncodeSettings(const ModelSettings& settings,
                           const engine::Normalization& normalization) {
  const engine::NetworkSpec& network = settings.network;
  Json json = {{"format", kFormat},
               {"input_width", network.input_width},
               {"loss", Number(network.loss.kind)},
               {"huber_delta", network.loss.huber_delta},
               {"multi_label", network.multi_label},
               {"seed", network.seed},
               {"optimizer", Optimizer(network.optimizer)},
               {"feature_names", settings.feature_names},
               {"class_names", settings.class_names},
               {"target_names", settings.target_names},
               {"input_name", settings.input_name},
               {"output_name", settings.output_name},
               {"normalization", Standard(normalization.inputs)},
               {"target_normalization", Standard(normalization.targets)}};
  Json layers = Json::array();
  for (const LayerSpec& layer : network.layers) layers.push_back(Layer(layer));
  json["layers"] = std::move(layers);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<StoredSettings> DecodeSettings(absl::string_view text) {
  const absl::StatusOr<Json> json = engine::ParseStrictJson(text);
  if (!json.ok()) {
    return absl::DataLossError(absl::StrCat("the settings are ", json.status().message()));
  }
  try {
    if (json->value("format", 0) != kFormat) {
      return absl::DataLossError("the settings are of another format");
    }
    auto settings = std::make_shared<ModelSettings>();
    auto normalization = std::make_shared<engine::Normalization>();
    settings->network = GetNetwork(*json);
    settings->feature_names = json->value("feature_names", settings->feature_names);
    settings->class_names = json->value("class_names", settings->class_names);
    settings->target_names = json->value("target_names", settings->target_names);
    settings->input_name = json->value("input_name", settings->input_name);
    settings->output_name = json->value("output_name", settings->output_name);
    normalization->inputs = GetStandard(*json, "normalization");
    normalization->targets = GetStandard(*json, "target_normalization");
    if (!IsSound(settings->network, *normalization)) {
      return absl::DataLossError("the settings are of no network");
    }
    return StoredSettings{std::move(settings), std::move(normalization)};
  } catch (const Json::exception& error) {
    return absl::DataLossError(absl::StrCat("the settings are damaged: ", error.what()));
  }
}

}  // namespace chainrule::server
