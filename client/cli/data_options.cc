#include "client/cli/data_options.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/flags.h"
#include "client/data/idx_reader.h"
#include "client/data/selection.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

using Source = absl::StatusOr<std::unique_ptr<RowSource>>;

// Rows that were written on the command line.
class TypedRows final : public RowSource {
 public:
  explicit TypedRows(Rows rows) : rows_(std::move(rows)) {}
  int64_t width() const override { return rows_.width; }
  int64_t bytes_per_row() const override {
    return static_cast<int64_t>(sizeof(float)) * (rows_.width + rows_.target_width + 1);
  }
  absl::Status Next(int64_t max_rows, Rows* rows) override {
    rows->Clear();
    for (; rows->count < max_rows && next_ < rows_.count; ++next_) rows->Append(rows_, next_);
    return absl::OkStatus();
  }

 private:
  const Rows rows_;
  int64_t next_ = 0;
};

absl::Status AppendNumbers(absl::string_view flag, const std::string& text, const Labels& kind,
                           std::vector<float>* numbers) {
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const absl::StatusOr<float> number = kind.NumberOf(part);
    if (!number.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(flag, " ", Quoted(text), ": ", number.status().message()));
    }
    numbers->push_back(*number);
  }
  return absl::OkStatus();
}

absl::Status AppendAnswer(const std::string& text, const Labels& labels, Rows* rows) {
  if (labels.kind() == LabelKind::kNumbers) {
    return AppendNumbers("--answer", text, labels, &rows->targets);
  }
  const absl::StatusOr<int32_t> id = labels.ClassOf(text);
  if (!id.ok()) return absl::InvalidArgumentError(absl::StrCat("--answer ", id.status().message()));
  rows->classes.push_back(*id);
  return absl::OkStatus();
}

// `1 row`, `2 rows`.
std::string Counted(size_t count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

// Checks that `count` numbers are whole rows of `width`.
absl::Status CheckWidth(absl::string_view flag, size_t count, size_t rows, int64_t width) {
  if (count == rows * static_cast<size_t>(width)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", Counted(count, "number"), " for ",
                                                 Counted(rows, "row"), ", the model takes ", width,
                                                 " a row"));
}

Source OpenTyped(const DataOptions& options, const v1::ModelSpec& spec, Need need) {
  Rows rows;
  rows.width = spec.input_width();
  rows.count = static_cast<int64_t>(options.rows.size());
  for (const std::string& row : options.rows) {
    const absl::Status status = AppendNumbers("--row", row, Labels::Numbers(), &rows.values);
    if (!status.ok()) return status;
  }
  const absl::Status width =
      CheckWidth("--row", rows.values.size(), options.rows.size(), rows.width);
  if (!width.ok()) return width;
  if (need == Need::kInputs) return std::make_unique<TypedRows>(std::move(rows));
  if (options.answers.size() != options.rows.size()) {
    return absl::InvalidArgumentError("each --row needs an --answer");
  }
  const Labels labels = LabelsOf(spec, 1);
  for (const std::string& answer : options.answers) {
    const absl::Status status = AppendAnswer(answer, labels, &rows);
    if (!status.ok()) return status;
  }
  if (labels.kind() == LabelKind::kNumbers) {
    rows.target_width = spec.layers().rbegin()->units();
    const absl::Status targets =
        CheckWidth("--answer", rows.targets.size(), options.rows.size(), rows.target_width);
    if (!targets.ok()) return targets;
  }
  return std::make_unique<TypedRows>(std::move(rows));
}

Source OpenIdx(const DataOptions& options, const v1::ModelSpec& spec, bool with_labels) {
  if (!options.labels.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.path, " is an IDX file: --label-file names its labels, not --label"));
  }
  if (with_labels && options.label_file.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(options.path, ": --label-file is needed"));
  }
  if (!with_labels) return IdxSource::Open(options.path, "", Labels::None());
  const Labels labels = LabelsOf(spec, 1);
  if (labels.kind() != LabelKind::kClasses) {
    return absl::InvalidArgumentError("labels of an IDX file are classes, the model has none");
  }
  return IdxSource::Open(options.path, options.label_file, labels);
}

Source OpenCsv(const DataOptions& options, const v1::ModelSpec& spec, bool with_labels) {
  if (!options.label_file.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.path, " is no IDX file: --label names its label column"));
  }
  if (with_labels && options.labels.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(options.path, ": --label is needed"));
  }
  CsvColumns columns = {
      .labels = options.labels, .weight = options.weight, .ignored = options.ignored};
  if (!options.by_position) {
    columns.features.assign(spec.feature_names().begin(), spec.feature_names().end());
    // With features by name nothing else need be there.
    if (!with_labels && !columns.features.empty()) columns.labels.clear();
  }
  return CsvSource::Open(options.path, columns,
                         with_labels ? LabelsOf(spec, options.labels.size()) : Labels::None());
}

absl::Status CheckFold(const DataOptions& options, bool has_labels) {
  if (options.fold >= options.folds) {
    return absl::InvalidArgumentError(
        absl::StrCat("--fold ", options.fold, " of --folds ", options.folds, ": it counts from 0"));
  }
  if (options.folds > 1 && !has_labels) {
    return absl::InvalidArgumentError("--folds needs the labels, to find the same rows as train");
  }
  return absl::OkStatus();
}

// The rows of one part of the folds.
std::unique_ptr<RowSource> TakePart(std::unique_ptr<RowSource> rows, const DataOptions& options,
                                    Part part) {
  auto some = SelectFold(
      std::move(rows),
      {.folds = options.folds, .fold = options.fold, .held_out = part == Part::kHeldOut});
  return RequireRows(std::move(some), absl::StrCat(options.path, ": --folds ", options.folds,
                                                   " --fold ", options.fold, " leave no row"));
}

Source OpenFile(const DataOptions& options, const v1::ModelSpec& spec, Need need) {
  const bool with_labels = need == Need::kExamples || options.folds > 1;
  const absl::StatusOr<bool> is_idx = IdxReader::IsIdx(options.path);
  if (!is_idx.ok()) return is_idx.status();
  Source source =
      *is_idx ? OpenIdx(options, spec, with_labels) : OpenCsv(options, spec, with_labels);
  if (!source.ok() || (*source)->width() == spec.input_width()) return source;
  return absl::InvalidArgumentError(
      absl::StrCat(options.path, ": ", Counted(static_cast<size_t>((*source)->width()), "column"),
                   " of features, the model takes ", spec.input_width()));
}

}  // namespace

void AddFileFlags(CLI::App* app, DataOptions* options, Part part) {
  app->add_option("DATA", options->path,
                  "A CSV file with a header, or an IDX file of images; plain or gzip; - is "
                  "standard input");
  AddList(app, "--label", &options->labels, "The CSV's label column; of several outputs a,b");
  app->add_option("--label-file", options->label_file, "The IDX file of the images' labels");
  AddList(app, "--ignore", &options->ignored, "CSV columns that are neither feature nor label");
  app->add_flag("--by-position", options->by_position,
                "Takes the CSV's features in its own order, not by the model's feature names");
  app->add_option("--limit", options->limit, "Only so many rows, the first ones")
      ->check(AtLeast(1));
  const char* which = part == Part::kOthers ? "leaves out part --fold" : "takes part --fold alone";
  CLI::Option* folds =
      app->add_option("--folds", options->folds,
                      std::string("Cuts the rows into so many parts, class by class, and ") + which)
          ->check(AtLeast(2));
  app->add_option("--fold", options->fold, "Which part, from 0")->check(AtLeast(0))->needs(folds);
}

void AddRowFlags(CLI::App* app, DataOptions* options, Need need) {
  app->add_option("--row", options->rows, "A row instead of a file: 5.1,3.5,1.4,0.2 (may repeat)")
      ->allow_extra_args(false);
  if (need == Need::kInputs) return;
  app->add_option("--answer", options->answers, "The label of the --row before it")
      ->allow_extra_args(false);
}

absl::StatusOr<std::unique_ptr<RowSource>> OpenRows(const DataOptions& options,
                                                    const v1::ModelSpec& spec, Need need,
                                                    Part part) {
  if (options.path.empty() == options.rows.empty()) {
    return absl::InvalidArgumentError("give either a file or --row");
  }
  if (!options.rows.empty()) return OpenTyped(options, spec, need);
  const bool has_labels = !options.labels.empty() || !options.label_file.empty();
  const absl::Status fold = CheckFold(options, has_labels);
  if (!fold.ok()) return fold;
  Source source = OpenFile(options, spec, need);
  if (!source.ok()) return source;
  // Without rows Predict answers with none, the other calls refuse.
  if (need == Need::kExamples) {
    source = RequireRows(*std::move(source), absl::StrCat(options.path, ": no rows"));
  }
  if (options.folds > 1) source = TakePart(*std::move(source), options, part);
  if (options.limit > 0) source = TakeFirst(*std::move(source), options.limit);
  return source;
}

Labels LabelsOf(const v1::ModelSpec& spec, size_t columns) {
  if (IsRegression(spec)) return Labels::Numbers();
  if (spec.multi_label() || columns > 1) return Labels::Shares();
  return Labels::Classes(ClassCount(spec), {spec.class_names().begin(), spec.class_names().end()});
}

bool IsRegression(const v1::ModelSpec& spec) {
  return spec.loss() == v1::LOSS_MEAN_SQUARED_ERROR || spec.loss() == v1::LOSS_HUBER;
}

int64_t ClassCount(const v1::ModelSpec& spec) {
  const int64_t units = spec.layers().rbegin()->units();
  return units == 1 ? 2 : units;
}

}  // namespace chainrule::client
