#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/data_options.h"
#include "client/cli/flags.h"
#include "client/cli/table.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string model;
  DataOptions data;
  int32_t top_k = 0;
  std::optional<double> threshold;
  bool logits = false;
  bool values = false;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name, or a version's: iris@3, iris@prod")
      ->required();
  AddFileFlags(command, &options->data, Part::kHeldOut);
  AddRowFlags(command, &options->data, Need::kInputs);
  command->add_option("--top", options->top_k, "How many classes of a row, best first; unset: 1")
      ->check(AtLeast(1, std::numeric_limits<int32_t>::max()));
  AddThreshold(command, &options->threshold);
  command->add_flag("--values", options->values, "The outputs as numbers, not classes");
  command->add_flag("--logits", options->logits, "Also the last layer's z");
}

v1::PredictRequest MakeRequest(const Options& options, bool with_classes) {
  v1::PredictRequest request;
  request.set_model(ModelName(options.model));
  request.add_include(v1::PREDICTION_PART_VALUES);
  if (options.logits) request.add_include(v1::PREDICTION_PART_LOGITS);
  if (with_classes) request.add_include(v1::PREDICTION_PART_CLASSES);
  request.set_top_k(options.top_k);
  if (options.threshold) request.set_threshold(*options.threshold);
  request.set_encoding(v1::TENSOR_ENCODING_VALUES);
  return request;
}

void AddClassCells(const v1::PredictedRow& row, std::vector<std::string>* cells) {
  for (const v1::PredictedClass& guess : row.classes()) {
    cells->push_back(guess.name().empty() ? absl::StrCat("class ", guess.id()) : guess.name());
    cells->push_back(absl::StrFormat("%.4f", guess.score()));
  }
}

void AddNumberCells(const v1::Tensor& tensor, int64_t row, std::vector<std::string>* cells) {
  if (tensor.shape_size() != 2) return;
  const int64_t width = tensor.shape(1);
  for (int64_t i = 0; i < width; ++i) {
    cells->push_back(Number(double{tensor.values(static_cast<int>(row * width + i))}));
  }
}

std::vector<std::string> Heads(const v1::ModelSpec& spec, const v1::PredictResponse& answer,
                               bool with_logits) {
  std::vector<std::string> heads = {"row"};
  int64_t most_classes = 0;
  for (const v1::PredictedRow& row : answer.rows()) {
    most_classes = std::max<int64_t>(most_classes, row.classes_size());
  }
  for (int64_t i = 0; i < most_classes; ++i) heads.insert(heads.end(), {"class", "score"});
  const int64_t outputs = answer.outputs().shape_size() == 2 ? answer.outputs().shape(1) : 0;
  const auto& names =
      outputs == spec.target_names_size() ? spec.target_names() : spec.class_names();
  for (int64_t i = 0; answer.rows().empty() && i < outputs; ++i) {
    heads.push_back(names.size() == outputs ? names.Get(static_cast<int>(i))
                                            : absl::StrCat("output ", i));
  }
  for (int64_t i = 0; with_logits && i < outputs; ++i) heads.push_back(absl::StrCat("z ", i));
  return heads;
}

void PrintAnswer(const v1::ModelSpec& spec, const v1::PredictResponse& answer, bool with_logits,
                 std::ostream& out) {
  Table table(Heads(spec, answer, with_logits));
  const int64_t rows = answer.outputs().shape_size() == 2 ? answer.outputs().shape(0) : 0;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<std::string> cells = {absl::StrCat(row + 1)};
    if (answer.rows().empty()) {
      AddNumberCells(answer.outputs(), row, &cells);
    } else {
      AddClassCells(answer.rows(static_cast<int>(row)), &cells);
    }
    AddNumberCells(answer.logits(), row, &cells);
    table.Add(std::move(cells));
  }
  table.Print(out);
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<v1::Model> model = session.GetModelOf(options.model);
  if (!model.ok()) return model.status();
  const auto source = OpenRows(options.data, model->spec(), Need::kInputs, Part::kHeldOut);
  if (!source.ok()) return source.status();
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const bool with_classes = !options.values && !IsRegression(model->spec());
  const absl::StatusOr<v1::PredictResponse> answer =
      (*client)->Predict(MakeRequest(options, with_classes), source->get());
  if (!answer.ok()) return answer.status();
  if (session.json()) return session.PrintJson(*answer);
  PrintAnswer(model->spec(), *answer, options.logits, session.out());
  return absl::OkStatus();
}

}  // namespace

void AddPredict(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "predict", "Asks a model about rows", AddFlags, Run);
}

}  // namespace chainrule::client
