#include "client/cli/spec_options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/cli/ending.h"
#include "client/cli/flags.h"
#include "client/cli/json_file.h"
#include "client/data/idx_reader.h"
#include "client/data/survey.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

// More different numbers than this are hardly names of classes.
constexpr size_t kMostNumberedClasses = 100;

template <typename Names>
void SetNames(const std::vector<std::string>& names, Names* field) {
  if (!names.empty()) field->Assign(names.begin(), names.end());
}

v1::Activation ActivationOf(const std::string& name) {
  return static_cast<v1::Activation>(EnumValue(v1::Activation_descriptor(), name));
}

Ending EndingOf(const SpecOptions& options) {
  return {.activation = ActivationOf(options.output_activation),
          .loss = static_cast<v1::Loss>(EnumValue(v1::Loss_descriptor(), options.loss)),
          .regression = options.regression,
          .multi_label = options.multi_label};
}

bool LabelsAreNumbers(const SpecOptions& options) {
  return options.multi_label || IsForNumbers(EndingOf(options));
}

// What the label columns hold; which classes there are is yet to be seen.
Labels LabelsOf(const SpecOptions& options) {
  if (options.multi_label) return Labels::Shares();
  return LabelsAreNumbers(options) ? Labels::Numbers() : Labels::Classes(0, {});
}

absl::StatusOr<Survey> SurveyData(const SpecOptions& options) {
  const DataOptions& data = options.data;
  const absl::StatusOr<bool> is_idx = IdxReader::IsIdx(data.path);
  if (!is_idx.ok()) return is_idx.status();
  if (*is_idx && LabelsAreNumbers(options) && !data.label_file.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(data.label_file, ": labels of an IDX file are classes, not ",
                     options.multi_label ? "several a row" : "numbers to predict"));
  }
  if (*is_idx) return SurveyIdx(data.path, data.label_file);
  const CsvColumns columns = {
      .labels = data.labels, .weight = data.weight, .ignored = data.ignored};
  return SurveyCsv(data.path, columns, LabelsOf(options));
}

// Whether it takes a word of the user's to make these labels classes: they look measured, by
// their fractions or because most rows have one of their own.
bool LookMeasured(const Survey& survey) {
  const size_t count = survey.class_names.size();
  const bool are_many =
      count > kMostNumberedClasses || (count > 2 && 2 * count > static_cast<size_t>(survey.rows));
  return survey.labels_are_numbers && (survey.has_fractions || are_many);
}

absl::Status CheckClasses(const Survey& survey, const SpecOptions& options) {
  const size_t count = survey.class_names.size();
  const std::string& path = options.data.path;
  if (count == 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": every label is ", Quoted(survey.class_names.front())));
  }
  const bool are_classes = IsForClasses(EndingOf(options)) || !options.class_names.empty();
  if (LookMeasured(survey) && !are_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", count, " different numbers as labels of ", survey.rows,
                     " rows; to predict numbers: --regression; if they are classes: --loss ",
                     count > 2 ? "categorical_cross_entropy" : "binary_cross_entropy"));
  }
  return absl::OkStatus();
}

// What the data set says; flags come after and have the last word.
absl::Status SetFromData(const SpecOptions& options, v1::ModelSpec* spec) {
  const DataOptions& data = options.data;
  if (data.labels.empty() && data.label_file.empty() && !options.outputs) {
    return absl::InvalidArgumentError("--from needs --label, --label-file or --outputs");
  }
  const bool are_numbers = LabelsAreNumbers(options);
  if (data.labels.size() > 1 && !are_numbers) {
    return absl::InvalidArgumentError(
        "several label columns are either --regression or --multi-label");
  }
  const absl::StatusOr<Survey> survey = SurveyData(options);
  if (!survey.ok()) return survey.status();
  const absl::Status classes = CheckClasses(*survey, options);
  if (!classes.ok()) return classes;
  spec->set_input_width(survey->input_width);
  SetNames(survey->feature_names, spec->mutable_feature_names());
  SetNames(survey->class_names, spec->mutable_class_names());
  if (are_numbers) SetNames(data.labels, spec->mutable_target_names());
  return absl::OkStatus();
}

// The last layer's width, as far as names and flags tell.
int64_t OutputsOf(const SpecOptions& options, const v1::ModelSpec& spec) {
  if (options.outputs) return *options.outputs;
  if (spec.target_names_size() > 0) return spec.target_names_size();
  // A sigmoid tells two classes apart with one unit, a softmax has one for each.
  const Ending ending = EndingOf(options);
  const bool is_softmax = ending.loss == v1::LOSS_CATEGORICAL_CROSS_ENTROPY ||
                          ending.activation == v1::ACTIVATION_SOFTMAX;
  return spec.class_names_size() > (is_softmax ? 1 : 2) ? spec.class_names_size() : 1;
}

void MakeLayers(const SpecOptions& options, v1::ModelSpec* spec) {
  spec->clear_layers();
  for (const int64_t units : options.hidden) spec->add_layers()->set_units(units);
  spec->add_layers()->set_units(OutputsOf(options, *spec));
}

// Of all layers, and of the hidden ones.
void SetLayers(const SpecOptions& options, v1::ModelSpec* spec) {
  for (int i = 0; i < spec->layers_size(); ++i) {
    v1::LayerSpec* layer = spec->mutable_layers(i);
    if (!options.initializer.empty()) {
      const auto initializer = EnumValue(v1::Initializer_descriptor(), options.initializer);
      layer->set_initializer(static_cast<v1::Initializer>(initializer));
    }
    if (options.l1) layer->set_l1(*options.l1);
    if (options.l2) layer->set_l2(*options.l2);
    if (i + 1 < spec->layers_size()) {
      if (!options.activation.empty()) layer->set_activation(ActivationOf(options.activation));
      if (options.dropout) layer->set_dropout(*options.dropout);
    }
    const bool is_leaky = layer->activation() == v1::ACTIVATION_LEAKY_RELU;
    if (options.leaky_slope && is_leaky) layer->set_leaky_slope(*options.leaky_slope);
  }
}

// Flags that would change nothing.
absl::Status CheckLayerFlags(const SpecOptions& options, const v1::ModelSpec& spec) {
  if (spec.layers_size() == 1 && (!options.activation.empty() || options.dropout)) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.dropout ? "--dropout" : "--activation",
                     ": there is no hidden layer; say --hidden (the last layer has "
                     "--output-activation)"));
  }
  const bool has_leaky = std::ranges::any_of(spec.layers(), [](const v1::LayerSpec& layer) {
    return layer.activation() == v1::ACTIVATION_LEAKY_RELU;
  });
  if (options.leaky_slope && !has_leaky) {
    return absl::InvalidArgumentError("--leaky-slope: no layer is leaky_relu");
  }
  return absl::OkStatus();
}

absl::Status SetShape(const SpecOptions& options, v1::ModelSpec* spec) {
  if (options.inputs) spec->set_input_width(*options.inputs);
  const bool made = spec->layers_size() == 0 || !options.hidden.empty() || options.outputs;
  if (made) MakeLayers(options, spec);
  SetEnding(EndingOf(options), made, spec);
  SetLayers(options, spec);
  return CheckLayerFlags(options, *spec);
}

void AddShapeFlags(CLI::App* app, SpecOptions* options) {
  SpecOptions& o = *options;
  CLI::Option_group* group = app->add_option_group("Network");
  group->add_option("--inputs", o.inputs, "Columns of an input row")->check(AtLeast(1));
  group->add_option("--hidden", o.hidden, "Units of the hidden layers: 64,32")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(AtLeast(1));
  group->add_option("--outputs", o.outputs, "Units of the last layer; unset: as the labels need")
      ->check(AtLeast(1));
  const auto* activations = v1::Activation_descriptor();
  AddEnum(group, "--activation", activations, &o.activation, "Of hidden layers; unset: sigmoid");
  AddEnum(group, "--output-activation", activations, &o.output_activation,
          "Of the last layer; unset: as --loss or the labels need");
  AddEnum(group, "--loss", v1::Loss_descriptor(), &o.loss,
          "Goes with --output-activation: binary_cross_entropy with sigmoid, "
          "categorical_cross_entropy with softmax, the others with any but softmax; unset: as "
          "that or the labels need");
  group->add_option("--huber-delta", o.huber_delta, "Of normalized targets, if they are; unset: 1");
  AddEnum(group, "--initializer", v1::Initializer_descriptor(), &o.initializer,
          "Unset: he_uniform for relu and its like, else xavier_uniform");
  group->add_option("--leaky-slope", o.leaky_slope, "Unset: 0.01");
  group->add_option("--dropout", o.dropout, "Share of the hidden outputs dropped in training");
  group->add_option("--l1", o.l1, "The penalty l1*sum|w|");
  group->add_option("--l2", o.l2, "The penalty l2/2*sum(w*w)");
  group->add_flag("--multi-label", o.multi_label, "Each output decides alone");
  group->add_option("--seed", o.seed, "Decides weights, shuffles and splits; unset: 0");
  AddList(group, "--feature-names", &o.feature_names, "Of the input columns");
  AddList(group, "--class-names", &o.class_names, "Of the classes");
  AddList(group, "--target-names", &o.target_names, "Of the outputs");
}

void AddDataFlags(CLI::App* app, SpecOptions* options) {
  CLI::Option_group* group = app->add_option_group("Data set");
  DataOptions& data = options->data;
  CLI::Option* from = group->add_option(
      "--from", data.path, "Takes widths and names from a CSV or IDX file; - is standard input");
  AddList(group, "--label", &data.labels, "The CSV's label column; of several outputs a,b")
      ->needs(from);
  group->add_option("--label-file", data.label_file, "The IDX file of the images' labels")
      ->needs(from);
  group->add_option("--weight-column", data.weight, "The CSV's column of weights")->needs(from);
  AddList(group, "--ignore", &data.ignored, "CSV columns that are neither")->needs(from);
  group->add_flag("--regression", options->regression,
                  "Labels are numbers: identity, and squared error unless --loss says huber; "
                  "either loss implies it");
  group->add_option("--spec", options->spec_file,
                    "A ModelSpec as JSON (- is standard input); flags come on top of it");
}

}  // namespace

void AddSpecFlags(CLI::App* app, SpecOptions* options) {
  AddDataFlags(app, options);
  AddShapeFlags(app, options);
  AddOptimizerFlags(app, &options->optimizer);
}

absl::StatusOr<v1::ModelSpec> MakeSpec(const SpecOptions& options) {
  v1::ModelSpec spec;
  absl::Status status = CheckEnding(EndingOf(options));
  if (status.ok() && !options.spec_file.empty()) status = ReadJson(options.spec_file, false, &spec);
  if (status.ok() && !options.data.path.empty()) status = SetFromData(options, &spec);
  if (!status.ok()) return status;
  SetNames(options.feature_names, spec.mutable_feature_names());
  SetNames(options.class_names, spec.mutable_class_names());
  SetNames(options.target_names, spec.mutable_target_names());
  if (options.multi_label) spec.set_multi_label(true);
  if (options.seed) spec.set_seed(*options.seed);
  if (options.huber_delta) spec.set_huber_delta(*options.huber_delta);
  status = SetShape(options, &spec);
  if (!status.ok()) return status;
  if (spec.input_width() == 0) {
    return absl::InvalidArgumentError("how wide is a row? say --inputs, --from or --spec");
  }
  status = SetOptimizer(options.optimizer, spec.mutable_optimizer());
  if (!status.ok()) return status;
  return spec;
}

}  // namespace chainrule::client
