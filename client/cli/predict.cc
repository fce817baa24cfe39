#include <algorithm>
#include <limits>
#include <memory>
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
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

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
  CLI::Option* top =
      command
          ->add_option("--top", options->top_k, "How many classes of a row, best first; unset: 1")
          ->check(AtLeast(1, std::numeric_limits<int32_t>::max()));
  CLI::Option* threshold = AddThreshold(command, &options->threshold);
  command->add_flag("--values", options->values, "The outputs as numbers, not classes")
      ->excludes(top, threshold);
  command->add_flag("--logits", options->logits, "Also the last layer's z");
}

// NumberKeeper: passes rows on and keeps their numbers, if they have any.
class NumberKeeper final : public RowSource {
 public:
  explicit NumberKeeper(std::unique_ptr<RowSource> source) : source_(std::move(source)) {}
  int64_t width() const override { return source_->width(); }
  int64_t bytes_per_row() const override { return source_->bytes_per_row(); }
  absl::Status Next(int64_t max_rows, Rows* rows) override {
    const absl::Status read = source_->Next(max_rows, rows);
    if (read.ok()) numbers_.insert(numbers_.end(), rows->numbers.begin(), rows->numbers.end());
    return read;
  }

  const std::vector<int64_t>& numbers() const { return numbers_; }

 private:
  const std::unique_ptr<RowSource> source_;
  std::vector<int64_t> numbers_;
};

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

void PrintAnswer(const v1::ModelSpec& spec, const v1::PredictResponse& answer,
                 const std::vector<int64_t>& numbers, bool with_logits, std::ostream& out) {
  Table table(Heads(spec, answer, with_logits));
  const int64_t rows = answer.outputs().shape_size() == 2 ? answer.outputs().shape(0) : 0;
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<std::string> cells = {
        absl::StrCat(numbers.empty() ? row + 1 : numbers[static_cast<size_t>(row)])};
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

// The answer, and the rows' numbers where they are not 1, 2, 3, …
absl::Status PrintJson(const v1::PredictResponse& answer, const std::vector<int64_t>& numbers,
                       Session& session) {
  if (numbers.empty()) return session.PrintJson(answer);
  const absl::StatusOr<std::string> json = ToJson(answer);
  if (!json.ok()) return json.status();
  google::protobuf::Struct report;
  const auto parsed = google::protobuf::util::JsonStringToMessage(*json, &report);
  if (!parsed.ok()) return absl::InternalError(parsed.ToString());
  auto* list = (*report.mutable_fields())["row_numbers"].mutable_list_value();
  for (const int64_t number : numbers) list->add_values()->set_string_value(absl::StrCat(number));
  return session.PrintJson(report);
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<v1::Model> model = session.GetModelOf(options.model);
  if (!model.ok()) return model.status();
  auto source = OpenRows(options.data, model->spec(), Need::kInputs, Part::kHeldOut);
  if (!source.ok()) return source.status();
  NumberKeeper rows(*std::move(source));
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const bool with_classes = !options.values && !IsRegression(model->spec());
  const absl::StatusOr<v1::PredictResponse> answer =
      (*client)->Predict(MakeRequest(options, with_classes), &rows);
  if (!answer.ok()) return answer.status();
  if (session.json()) return PrintJson(*answer, rows.numbers(), session);
  PrintAnswer(model->spec(), *answer, rows.numbers(), options.logits, session.out());
  return absl::OkStatus();
}

}  // namespace

void AddPredict(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "predict", "Asks a model about rows", AddFlags, Run);
}

}  // namespace chainrule::client
