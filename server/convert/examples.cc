#include "server/convert/examples.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/enums.h"
#include "server/convert/tensors.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using engine::ExampleFault;
using engine::InvalidField;

// Labelled rows as they lie in the message; what is absent has null data.
struct ExamplesView {
  TensorRows inputs;
  TensorRows targets;
  TensorRows weights;
};

std::string Path(absl::string_view field, absl::string_view name) {
  return absl::StrCat(field, ".", name);
}

absl::Status CheckSameRows(int64_t rows, int64_t input_rows, absl::string_view field) {
  if (rows == input_rows) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat(rows, "; must be ", input_rows, ", the rows of the inputs"));
}

absl::StatusOr<TensorRows> CheckTargets(const v1::Tensor& targets, absl::string_view field,
                                        const ModelContext& model, int64_t input_rows) {
  const RowsWanted wanted{.columns = model.network().output_width(),
                          .expected_by = absl::StrCat("model '", model.id, "' expects"),
                          .vector_allowed = true};
  absl::StatusOr<TensorRows> rows = CheckRows(targets, field, wanted, *model.limits);
  if (!rows.ok()) return rows;
  if (absl::Status same = CheckSameRows(rows->rows, input_rows, Path(field, "shape[0]"));
      !same.ok()) {
    return same;
  }
  return rows;
}

absl::StatusOr<TensorRows> CheckWeights(const v1::Tensor& weights, absl::string_view field,
                                        const ModelContext& model, int64_t input_rows) {
  const RowsWanted wanted{.columns = 1,
                          .expected_by = "sample weights are",
                          .vector_allowed = true,
                          .matrix_allowed = false};
  absl::StatusOr<TensorRows> rows = CheckRows(weights, field, wanted, *model.limits);
  if (!rows.ok()) return rows;
  if (absl::Status same = CheckSameRows(rows->rows, input_rows, Path(field, "shape[0]"));
      !same.ok()) {
    return same;
  }
  return rows;
}

absl::Status CheckLabelsFit(absl::string_view field, const ModelContext& model) {
  const engine::NetworkSpec& network = model.network();
  if (network.multi_label) {
    return InvalidField(
        field, absl::StrCat("set; model '", model.id, "' is multi_label and takes targets"));
  }
  if (!engine::IsRegression(network.loss.kind)) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("set; the loss of model '", model.id, "', ",
                                          v1::Loss_Name(WriteLoss(network.loss.kind)),
                                          ", is of regression and takes targets"));
}

absl::Status CheckLabels(const v1::ClassLabels& labels, absl::string_view field,
                         const ModelContext& model, int64_t input_rows) {
  if (absl::Status fits = CheckLabelsFit(field, model); !fits.ok()) return fits;
  if (!labels.ids().empty() && !labels.names().empty()) {
    return InvalidField(field, "both ids and names are filled; exactly one must be");
  }
  if (labels.names().empty()) {
    return CheckSameRows(labels.ids_size(), input_rows, Path(field, "ids"));
  }
  if (model.settings->class_names.empty()) {
    return InvalidField(Path(field, "names"), absl::StrCat("set; model '", model.id,
                                                           "' has no class_names and takes ids"));
  }
  return CheckSameRows(labels.names_size(), input_rows, Path(field, "names"));
}

absl::StatusOr<TensorRows> CheckTarget(const v1::Examples& examples, absl::string_view field,
                                       const ModelContext& model, int64_t rows) {
  switch (examples.target_case()) {
    case v1::Examples::kTargets:
      return CheckTargets(examples.targets(), Path(field, "targets"), model, rows);
    case v1::Examples::kClassLabels:
      if (absl::Status status =
              CheckLabels(examples.class_labels(), Path(field, "class_labels"), model, rows);
          !status.ok()) {
        return status;
      }
      return TensorRows();
    case v1::Examples::TARGET_NOT_SET:
      break;
  }
  return InvalidField(field, "no target; targets or class_labels are required");
}

absl::StatusOr<ExamplesView> ViewExamples(const v1::Examples& examples, absl::string_view field,
                                          const ModelContext& model) {
  const RowsWanted wanted{.columns = model.network().input_width,
                          .expected_by = absl::StrCat("model '", model.id, "' expects")};
  const auto inputs = CheckRows(examples.inputs(), Path(field, "inputs"), wanted, *model.limits);
  if (!inputs.ok()) return inputs.status();
  const auto targets = CheckTarget(examples, field, model, inputs->rows);
  if (!targets.ok()) return targets.status();
  if (!examples.has_sample_weights()) return ExamplesView{*inputs, *targets, {}};
  const auto weights =
      CheckWeights(examples.sample_weights(), Path(field, "sample_weights"), model, inputs->rows);
  if (!weights.ok()) return weights.status();
  return ExamplesView{*inputs, *targets, *weights};
}

// "'a', 'b' and 3 more"
std::string SomeOf(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", Echo(names[i]));
  }
  if (names.size() > kShown) absl::StrAppend(&text, " and ", names.size() - kShown, " more");
  return text;
}

absl::StatusOr<std::vector<int32_t>> LookUp(
    const google::protobuf::RepeatedPtrField<std::string>& names,
    const std::vector<std::string>& class_names, absl::string_view field) {
  absl::flat_hash_map<absl::string_view, int32_t> classes;
  for (const std::string& name : class_names) {
    classes.emplace(name, static_cast<int32_t>(classes.size()));
  }
  std::vector<int32_t> ids;
  ids.reserve(static_cast<size_t>(names.size()));
  for (const std::string& name : names) {
    const auto found = classes.find(name);
    if (found == classes.end()) {
      return InvalidField(absl::StrCat(field, "[", ids.size(), "]"),
                          absl::StrCat(Echo(name), "; must be one of ", SomeOf(class_names)));
    }
    ids.push_back(found->second);
  }
  return ids;
}

// What a chunk that looked names up holds on to.
struct NamedLabels {
  std::shared_ptr<const v1::Examples> examples;
  std::vector<int32_t> ids;
};

absl::Status AddClasses(std::shared_ptr<const v1::Examples> examples, absl::string_view field,
                        const ModelContext& model, engine::ExampleChunk* chunk) {
  const v1::ClassLabels& labels = examples->class_labels();
  if (labels.names().empty()) {
    chunk->class_ids = {labels.ids().data(), static_cast<size_t>(labels.ids_size())};
    chunk->owner = std::move(examples);
    return absl::OkStatus();
  }
  auto ids = LookUp(labels.names(), model.settings->class_names, Path(field, "class_labels.names"));
  if (!ids.ok()) return ids.status();
  auto owner = std::make_shared<NamedLabels>(NamedLabels{std::move(examples), *std::move(ids)});
  chunk->class_ids = owner->ids;
  chunk->owner = std::move(owner);
  return absl::OkStatus();
}

const std::vector<std::string>& OutputNames(const ModelSettings& settings) {
  return settings.target_names.empty() ? settings.class_names : settings.target_names;
}

absl::Status ClassFault(const ExampleFault& fault, absl::string_view field,
                        const ModelContext& model) {
  const std::string allowed =
      fault.value < 0 ? "0 or more" : absl::StrCat("below ", ClassCount(model.network()));
  return InvalidField(absl::StrCat(field, ".class_labels.ids[", fault.row, "]"),
                      absl::StrCat(EchoNumber(fault.value), "; must be ", allowed));
}

absl::Status ToStatus(const ExampleFault& fault, const ExamplesView& view, absl::string_view field,
                      const ModelContext& model) {
  const std::vector<std::string>& outputs = OutputNames(*model.settings);
  const std::string targets = Path(field, "targets");
  const std::string weights = Path(field, "sample_weights");
  switch (fault.kind) {
    case ExampleFault::Kind::kInputNotFinite:
      return NotFinite(view.inputs, fault.row, fault.column, Path(field, "inputs"),
                       model.settings->feature_names);
    case ExampleFault::Kind::kTargetNotFinite:
      return NotFinite(view.targets, fault.row, fault.column, targets, outputs);
    case ExampleFault::Kind::kTargetOutsideUnitInterval:
      return BadElement(view.targets, fault.row, fault.column, targets, outputs, "in [0, 1]");
    case ExampleFault::Kind::kTargetRowSum:
      return InvalidField(targets, absl::StrCat("row ", fault.row, ": sum ",
                                                EchoNumber(fault.value), "; must be 1 ± 1e-5"));
    case ExampleFault::Kind::kClassOutOfRange:
      return ClassFault(fault, field, model);
    case ExampleFault::Kind::kWeightNotFinite:
    case ExampleFault::Kind::kWeightOverflow:
      return NotFinite(view.weights, fault.row, 0, weights, {});
    case ExampleFault::Kind::kWeightNegative:
      return BadElement(view.weights, fault.row, 0, weights, {}, "0 or more");
  }
  return absl::InternalError("unknown fault");
}

}  // namespace

absl::StatusOr<int64_t> CheckExamples(const v1::Examples& examples, absl::string_view field,
                                      const ModelContext& model) {
  const absl::StatusOr<ExamplesView> view = ViewExamples(examples, field, model);
  if (!view.ok()) return view.status();
  return view->inputs.rows;
}

absl::StatusOr<int64_t> CheckSomeExamples(const v1::Examples& examples, absl::string_view field,
                                          const ModelContext& model) {
  absl::StatusOr<int64_t> rows = CheckExamples(examples, field, model);
  if (!rows.ok() || *rows > 0) return rows;
  return InvalidField(Path(field, "inputs.shape[0]"), "0; must be 1 or more");
}

absl::StatusOr<engine::ExampleChunk> ReadExampleChunk(std::shared_ptr<const v1::Examples> examples,
                                                      absl::string_view field,
                                                      const ModelContext& model) {
  const absl::StatusOr<ExamplesView> view = ViewExamples(*examples, field, model);
  if (!view.ok()) return view.status();
  engine::ExampleChunk chunk;
  chunk.rows = view->inputs.rows;
  chunk.inputs = view->inputs.elements;
  chunk.targets = view->targets.elements;
  chunk.sample_weights = view->weights.elements;
  if (examples->has_class_labels()) {
    const absl::Status status = AddClasses(std::move(examples), field, model, &chunk);
    if (!status.ok()) return status;
  } else {
    chunk.owner = std::move(examples);
  }
  const auto fault = engine::FindFault(chunk, model.network());
  if (fault) return ToStatus(*fault, *view, field, model);
  return chunk;
}

absl::StatusOr<engine::Examples> ReadExamples(std::shared_ptr<const v1::Examples> examples,
                                              absl::string_view field, const ModelContext& model) {
  absl::StatusOr<engine::ExampleChunk> chunk = ReadExampleChunk(std::move(examples), field, model);
  if (!chunk.ok()) return chunk.status();
  engine::Examples rows(model.network().input_width, model.network().output_width());
  rows.Append(*std::move(chunk));
  if (absl::Status status = CheckWeightSum(rows, field); !status.ok()) return status;
  return rows;
}

absl::Status NoExamples(bool has_header) {
  if (has_header) return InvalidField("header", "set; only the first message has one");
  return InvalidField("kind", "unset; must be examples");
}

double WeightSum(const engine::ExampleChunk& chunk) {
  if (chunk.sample_weights.data == nullptr) return static_cast<double>(chunk.rows);
  double sum = 0;
  for (int64_t i = 0; i < chunk.rows; ++i) {
    float weight = 0;
    chunk.sample_weights.CopyRow(i, {&weight, 1});
    sum += static_cast<double>(weight);
  }
  return sum;
}

absl::Status CheckWeightSum(const engine::Examples& examples, absl::string_view field) {
  double sum = 0;
  for (const engine::ExampleChunk& chunk : examples.chunks()) sum += WeightSum(chunk);
  return CheckWeightSum(examples.rows(), sum, field);
}

absl::Status CheckWeightSum(int64_t rows, double weight_sum, absl::string_view field) {
  if (rows == 0) return InvalidField(Path(field, "inputs.shape[0]"), "0; must be 1 or more");
  if (weight_sum > 0) return absl::OkStatus();
  return InvalidField(Path(field, "sample_weights"), "sum 0; must be above 0");
}

}  // namespace chainrule::server
