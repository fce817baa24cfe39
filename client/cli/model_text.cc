#include "client/cli/model_text.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/flags.h"
#include "client/cli/table.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

std::string ActivationsOf(const v1::ModelSpec& spec) {
  std::vector<std::string> names;
  for (const v1::LayerSpec& layer : spec.layers()) {
    names.push_back(EnumName(v1::Activation_descriptor(), layer.activation()));
  }
  return absl::StrJoin(names, ", ");
}

std::string OptimizerOf(const v1::Optimizer& optimizer) {
  const auto* kinds = v1::Optimizer::descriptor()->FindOneofByName("kind");
  const auto* kind = optimizer.GetReflection()->GetOneofFieldDescriptor(optimizer, kinds);
  return absl::StrCat(kind == nullptr ? "sgd" : kind->name(), ", learning rate ",
                      Number(optimizer.learning_rate()));
}

// The first names, and how many more there are.
std::string Names(const google::protobuf::RepeatedPtrField<std::string>& names) {
  constexpr int kShown = 6;
  const int shown = std::min(kShown, names.size());
  const std::string text = absl::StrJoin(names.begin(), names.begin() + shown, ", ");
  return shown == names.size() ? text : absl::StrCat(text, " and ", names.size() - shown, " more");
}

// `KEY=VALUE`, in the order of the keys, which a map of a message has not.
template <typename Value>
std::string Pairs(const google::protobuf::Map<std::string, Value>& map) {
  const std::map<std::string, Value> sorted(map.begin(), map.end());
  return absl::StrJoin(sorted, ", ", absl::PairFormatter("="));
}

std::string TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string StepOf(const v1::Model& model) {
  if (model.durable_step() == model.step()) return absl::StrCat(model.step());
  return absl::StrCat(model.step(), ", of which ", model.durable_step(), " survive power loss");
}

}  // namespace

std::string TagsOf(const google::protobuf::Map<std::string, std::string>& labels) {
  return Pairs(labels);
}

std::string AliasesOf(const v1::Model& model) { return Pairs(model.aliases()); }

std::string WidthsOf(const v1::ModelSpec& spec) {
  std::string widths = absl::StrCat(spec.input_width());
  for (const v1::LayerSpec& layer : spec.layers()) absl::StrAppend(&widths, "-", layer.units());
  return widths;
}

void PrintModel(const v1::Model& model, std::ostream& out) {
  const v1::ModelSpec& spec = model.spec();
  std::vector<std::pair<std::string, std::string>> lines = {
      {"model", model.name()},
      {"network", absl::StrCat(WidthsOf(spec), ", ", ActivationsOf(spec))},
      {"loss", EnumName(v1::Loss_descriptor(), spec.loss())},
      {"optimizer", OptimizerOf(spec.optimizer())},
      {"features", Names(spec.feature_names())},
      {"classes", Names(spec.class_names())},
      {"targets", Names(spec.target_names())},
      {"normalised", spec.has_normalization() ? "yes" : "no"},
      {"parameters", absl::StrCat(model.parameter_count())},
      {"memory", absl::StrCat(model.memory_bytes(), " bytes")},
      {"step", StepOf(model)},
      {"state", EnumName(v1::ModelState_descriptor(), model.state())},
      {"aliases", AliasesOf(model)},
      {"tags", TagsOf(model.labels())}};
  // CreateModel with validate_only makes none of these.
  if (model.has_create_time()) lines.emplace_back("created", TimeOf(model.create_time()));
  lines.emplace_back("etag", model.etag());
  for (const auto& [what, value] : lines) {
    if (value.empty()) continue;
    out << what << std::string(12 - what.size(), ' ') << Escaped(value) << '\n';
  }
}

}  // namespace chainrule::client
