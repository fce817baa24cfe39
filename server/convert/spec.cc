#include "server/convert/spec.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/layers.h"
#include "server/convert/optimizer.h"
#include "server/convert/ranges.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using Names = google::protobuf::RepeatedPtrField<std::string>;

// What a list of names should be, if it is not empty.
struct NamesWanted {
  int64_t count = 0;
  absl::string_view of_what;  // "input columns"
  bool different = true;
};

// Every description of the model brings its names.
constexpr size_t kMaxNameBytes = 256;

std::string TooLong(absl::string_view name) {
  return absl::StrCat(Echo(name), "; ", name.size(), " bytes, must be ", kMaxNameBytes, " or less");
}

std::vector<std::string> ReadNames(const Names& names, const NamesWanted& wanted,
                                   absl::string_view field, Violations* violations) {
  if (!names.empty() && names.size() != wanted.count) {
    violations->Add(field, absl::StrCat(names.size(), " names; must be none or one for each of ",
                                        wanted.count, " ", wanted.of_what));
    return {};
  }
  absl::flat_hash_map<absl::string_view, int> places;
  for (int i = 0; i < names.size(); ++i) {
    const auto [place, is_new] = places.emplace(names[i], i);
    const auto path = [&] { return absl::StrCat(field, "[", i, "]"); };
    if (names[i].empty()) {
      violations->Add(path(), "''; must not be empty");
    } else if (names[i].size() > kMaxNameBytes) {
      violations->Add(path(), TooLong(names[i]));
    } else if (!is_new && wanted.different) {
      violations->Add(path(),
                      absl::StrCat(Echo(names[i]), "; must differ from [", place->second, "]"));
    }
  }
  return {names.begin(), names.end()};
}

std::vector<float> ReadColumns(const google::protobuf::RepeatedField<float>& entries,
                               int64_t columns, bool positive, absl::string_view field,
                               Violations* violations) {
  if (entries.size() != columns) {
    violations->Add(field,
                    absl::StrCat(entries.size(), " entries; must be ", columns, ", one a column"));
    return {};
  }
  for (int i = 0; i < entries.size(); ++i) {
    // What is less than the least has no finite inverse.
    const bool large = entries[i] >= std::numeric_limits<float>::min();
    if (std::isfinite(entries[i]) && (!positive || large)) continue;
    violations->Add(absl::StrCat(field, "[", i, "]"),
                    absl::StrCat(EchoNumber(static_cast<double>(entries[i])), "; must be finite",
                                 positive ? " and at least 1.17549435e-38" : ""));
  }
  return {entries.begin(), entries.end()};
}

engine::Standardizer ReadStandardizer(const v1::Normalization& message, int64_t columns,
                                      absl::string_view field, Violations* violations) {
  engine::Standardizer standardizer;
  standardizer.mean =
      ReadColumns(message.mean(), columns, false, absl::StrCat(field, ".mean"), violations);
  standardizer.scale =
      ReadColumns(message.scale(), columns, true, absl::StrCat(field, ".scale"), violations);
  return standardizer;
}

void WriteStandardizer(const engine::Standardizer& standardizer, v1::Normalization* message) {
  message->mutable_mean()->Add(standardizer.mean.begin(), standardizer.mean.end());
  message->mutable_scale()->Add(standardizer.scale.begin(), standardizer.scale.end());
}

// Reads one spec, part by part; each part adds what is wrong with it.
class SpecReader {
 public:
  SpecReader(const v1::ModelSpec& spec, absl::string_view field) : spec_(spec), field_(field) {}

  absl::StatusOr<ResolvedSpec> Read(const Limits& limits) {
    if (spec_.layers_size() > limits.max_layers) {
      return engine::LimitExceeded(Path("layers"), "max_layers", spec_.layers_size(),
                                   limits.max_layers);
    }
    if (spec_.layers().empty()) violations_.Add(Path("layers"), "none; at least one is required");
    CheckAtLeast(spec_.input_width(), 1, Path("input_width"), &violations_);
    if (!spec_.layers().empty()) {
      ReadNetwork();
      ReadAllNames();
      ReadNormalizations();
    }
    if (!violations_.empty()) return violations_.ToStatus();
    if (absl::Status status = CheckSize(limits); !status.ok()) return status;
    return ResolvedSpec{std::make_shared<const ModelSettings>(std::move(settings_)),
                        std::move(normalization_)};
  }

 private:
  std::string Path(absl::string_view name) const { return absl::StrCat(field_, ".", name); }
  engine::NetworkSpec& network() { return settings_.network; }

  void ReadNetwork() {
    network().input_width = spec_.input_width();
    network().layers = ReadLayers(spec_, field_, &violations_);
    network().loss = ReadLossFunction(spec_, network().layers.back(), field_, &violations_);
    network().multi_label = spec_.multi_label();
    network().seed = spec_.seed();
    network().optimizer = ReadOptimizer(spec_.optimizer(), Path("optimizer"), &violations_);
    const bool decides_alone = network().loss.kind == engine::Loss::kBinaryCrossEntropy;
    if (spec_.multi_label() && !decides_alone) {
      violations_.Add(Path("multi_label"), "true; requires LOSS_BINARY_CROSS_ENTROPY");
    }
  }

  void ReadAllNames() {
    const int64_t outputs = network().output_width();
    const bool has_targets = engine::IsRegression(network().loss.kind) || network().multi_label;
    settings_.feature_names =
        ReadNames(spec_.feature_names(), {network().input_width, "input columns"},
                  Path("feature_names"), &violations_);
    settings_.class_names = ReadNames(spec_.class_names(), {ClassCount(network()), ClassesOf()},
                                      Path("class_names"), &violations_);
    settings_.target_names =
        ReadNames(spec_.target_names(), {has_targets ? outputs : 0, TargetsOf(), false},
                  Path("target_names"), &violations_);
    ReadTensorName(spec_.input_name(), "input_name", &settings_.input_name);
    ReadTensorName(spec_.output_name(), "output_name", &settings_.output_name);
  }

  void ReadTensorName(const std::string& given, absl::string_view field, std::string* name) {
    if (given.size() > kMaxNameBytes) violations_.Add(Path(field), TooLong(given));
    if (!given.empty()) *name = given;
  }

  absl::string_view ClassesOf() {
    if (network().multi_label) return "classes: multi_label models have target_names";
    if (engine::IsRegression(network().loss.kind)) return "classes: this loss is of regression";
    return "classes";
  }

  absl::string_view TargetsOf() {
    return ClassCount(network()) > 0 ? "targets: this model has class_names" : "outputs";
  }

  void ReadNormalizations() {
    if (spec_.has_normalization()) {
      normalization_.inputs = ReadStandardizer(spec_.normalization(), network().input_width,
                                               Path("normalization"), &violations_);
    }
    if (!spec_.has_target_normalization()) return;
    if (!engine::IsRegression(network().loss.kind)) {
      violations_.Add(Path("target_normalization"), "set; only regression has one");
      return;
    }
    normalization_.targets =
        ReadStandardizer(spec_.target_normalization(), network().output_width(),
                         Path("target_normalization"), &violations_);
  }

  // A width beyond the limit is told as it was sent: with it the count may be beyond numbers.
  absl::Status CheckWidths(const Limits& limits) {
    const auto check = [&](const std::string& field, int64_t width) {
      if (width <= limits.max_parameters) return absl::OkStatus();
      return engine::LimitExceeded(field, "max_parameters", width, limits.max_parameters);
    };
    absl::Status status = check(Path("input_width"), network().input_width);
    for (size_t i = 0; status.ok() && i < network().layers.size(); ++i) {
      status = check(absl::StrCat(Path("layers"), "[", i, "].units"), network().layers[i].units);
    }
    return status;
  }

  absl::Status CheckSize(const Limits& limits) {
    const std::optional<int64_t> count = engine::ParameterCount(network());
    if (count && *count <= limits.max_parameters) return absl::OkStatus();
    if (absl::Status status = CheckWidths(limits); !status.ok()) return status;
    return engine::LimitExceeded(Path("layers"), "max_parameters",
                                 count.value_or(std::numeric_limits<int64_t>::max()),
                                 limits.max_parameters);
  }

  const v1::ModelSpec& spec_;
  const std::string field_;
  Violations violations_;
  ModelSettings settings_;
  engine::Normalization normalization_;
};

}  // namespace

absl::StatusOr<ResolvedSpec> ReadSpec(const v1::ModelSpec& spec, const Limits& limits,
                                      absl::string_view field) {
  return SpecReader(spec, field).Read(limits);
}

void WriteSpec(const ModelSettings& settings, const engine::Normalization& normalization,
               v1::ModelSpec* spec) {
  const engine::NetworkSpec& network = settings.network;
  spec->set_input_width(network.input_width);
  WriteLayers(network, spec);
  WriteOptimizer(network.optimizer, spec->mutable_optimizer());
  spec->set_seed(network.seed);
  spec->mutable_feature_names()->Add(settings.feature_names.begin(), settings.feature_names.end());
  spec->mutable_class_names()->Add(settings.class_names.begin(), settings.class_names.end());
  spec->mutable_target_names()->Add(settings.target_names.begin(), settings.target_names.end());
  spec->set_multi_label(network.multi_label);
  if (!normalization.inputs.empty()) {
    WriteStandardizer(normalization.inputs, spec->mutable_normalization());
  }
  if (!normalization.targets.empty()) {
    WriteStandardizer(normalization.targets, spec->mutable_target_normalization());
  }
  spec->set_input_name(settings.input_name);
  spec->set_output_name(settings.output_name);
}

}  // namespace chainrule::server
