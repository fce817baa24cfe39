#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/one_message.h"
#include "client/cli/table.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string model;
  DataOptions data;
  std::optional<double> threshold;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name, or a version's: iris@3, iris@prod")
      ->required();
  AddFileFlags(command, &options->data, Part::kHeldOut);
  AddRowFlags(command, &options->data, Need::kExamples);
  command->add_option("--weight-column", options->data.weight, "CSV column: what a row counts for");
  AddThreshold(command, &options->threshold);
}

void PrintMetrics(const v1::EvaluateResponse& answer, std::ostream& out) {
  const v1::Metrics& metrics = answer.metrics();
  const auto print = [&out](absl::string_view name, double value) {
    out << absl::StreamFormat("%-10s %.6g\n", name, value);
  };
  out << absl::StreamFormat("%-10s %d\n", "rows", answer.rows());
  print("loss", answer.loss());
  if (metrics.has_accuracy()) print("accuracy", metrics.accuracy());
  if (metrics.has_precision()) print("precision", metrics.precision());
  if (metrics.has_recall()) print("recall", metrics.recall());
  if (metrics.has_f1()) print("F1", metrics.f1());
  if (metrics.has_roc_auc()) print("ROC AUC", metrics.roc_auc());
  if (metrics.roc_auc_binned()) out << "           (counted in bins of the output)\n";
  if (metrics.has_mean_absolute_error()) print("MAE", metrics.mean_absolute_error());
  if (metrics.has_root_mean_squared_error()) print("RMSE", metrics.root_mean_squared_error());
  if (metrics.has_r_squared()) print("R2", metrics.r_squared());
}

// Rows are the true classes, columns what was predicted.
void PrintConfusion(const v1::ConfusionMatrix& matrix, std::ostream& out) {
  const int classes = matrix.class_names_size();
  std::vector<std::string> heads = {"true \\ predicted"};
  heads.insert(heads.end(), matrix.class_names().begin(), matrix.class_names().end());
  Table table(std::move(heads));
  for (int i = 0; i < classes; ++i) {
    std::vector<std::string> cells = {matrix.class_names(i)};
    for (int j = 0; j < classes && i * classes + j < matrix.values_size(); ++j) {
      cells.push_back(Number(matrix.values(i * classes + j)));
    }
    table.Add(std::move(cells));
  }
  out << '\n';
  table.Print(out);
}

absl::Status Run(const Options& options, Session& session) {
  absl::StatusOr<Question> question = Open(options.model, options.data, session);
  if (!question.ok()) return question.status();
  v1::EvaluateRequest request;
  request.set_model(ModelName(options.model));
  if (options.threshold) request.set_threshold(*options.threshold);
  const absl::StatusOr<v1::EvaluateResponse> answer =
      (*session.client())->Evaluate(std::move(request), question->rows.get());
  if (!answer.ok()) return answer.status();
  if (session.json()) return session.PrintJson(*answer);
  PrintMetrics(*answer, session.out());
  if (answer->metrics().has_confusion_matrix()) {
    PrintConfusion(answer->metrics().confusion_matrix(), session.out());
  }
  return absl::OkStatus();
}

}  // namespace

void AddEvaluate(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "evaluate", "Measures a model on labelled rows", AddFlags, Run);
}

}  // namespace chainrule::client
