#include "client/data/survey.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/data/idx_reader.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

constexpr size_t kMostClasses = 10'000;

// Whether the row's label may be a class; puts it into *seen.
absl::Status NoteLabel(const CsvReader& reader, const CsvRow& row, size_t column,
                       std::set<std::string>* seen) {
  const std::string& label = row.cells[column];
  if (label.empty()) return reader.CellFault(row, column, "no label");
  if (!IsUtf8(label)) return reader.CellFault(row, column, "not UTF-8");
  seen->insert(label);
  if (seen->size() <= kMostClasses) return absl::OkStatus();
  return reader.CellFault(
      row, column, absl::StrCat("more than ", kMostClasses, " different labels; --regression?"));
}

absl::Status CheckFeatures(const CsvReader& reader, const CsvRow& row,
                           const std::vector<size_t>& columns) {
  for (const size_t column : columns) {
    const absl::StatusOr<float> number = ParseNumber(row.cells[column]);
    if (number.ok()) continue;
    return reader.CellFault(row, column,
                            absl::StrCat(number.status().message(), "; no feature? --ignore ",
                                         Escaped(reader.header()[column])));
  }
  return absl::OkStatus();
}

absl::Status CheckNumbers(const CsvReader& reader, const CsvRow& row,
                          const std::vector<size_t>& columns, const Labels& labels) {
  for (const size_t column : columns) {
    const absl::StatusOr<float> number = labels.NumberOf(row.cells[column]);
    if (!number.ok()) return reader.CellFault(row, column, number.status().message());
  }
  return absl::OkStatus();
}

absl::Status CheckLabels(const CsvReader& reader, const CsvRow& row, const CsvPlan& plan,
                         const Labels& labels, std::set<std::string>* seen) {
  if (plan.labels.empty() || labels.kind() == LabelKind::kNone) return absl::OkStatus();
  if (labels.kind() == LabelKind::kNumbers) return CheckNumbers(reader, row, plan.labels, labels);
  return NoteLabel(reader, row, plan.labels.front(), seen);
}

// Of the rows, which are counted too, the different labels where they are classes.
absl::StatusOr<std::set<std::string>> ReadRows(CsvReader* reader, const CsvPlan& plan,
                                               const Labels& labels, int64_t* rows) {
  std::set<std::string> seen;
  CsvRow row;
  for (;; ++*rows) {
    const absl::StatusOr<bool> read = reader->Next(&row);
    if (!read.ok()) return read.status();
    if (!*read) return seen;
    absl::Status status = CheckFeatures(*reader, row, plan.features);
    if (status.ok()) status = CheckLabels(*reader, row, plan, labels, &seen);
    if (!status.ok()) return status;
  }
}

float ValueOf(const std::string& label) {
  float value = 0;
  return absl::SimpleAtof(label, &value) ? value : 0;
}

void SetClasses(const std::set<std::string>& labels, Survey* survey) {
  survey->class_names.assign(labels.begin(), labels.end());
  survey->labels_are_numbers =
      std::all_of(labels.begin(), labels.end(),
                  [](const std::string& label) { return ParseNumber(label).ok(); });
  if (!survey->labels_are_numbers) return;
  survey->has_fractions = std::ranges::any_of(survey->class_names, [](const std::string& label) {
    return ValueOf(label) != std::floor(ValueOf(label));
  });
  std::stable_sort(survey->class_names.begin(), survey->class_names.end(),
                   [](const auto& a, const auto& b) { return ValueOf(a) < ValueOf(b); });
}

absl::StatusOr<uint8_t> LargestLabel(absl::string_view path) {
  absl::StatusOr<IdxReader> reader = IdxReader::Open(path);
  if (!reader.ok()) return reader.status();
  if (reader->shape().size() != 1 || reader->count() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not an IDX file of labels"));
  }
  uint8_t largest = 0;
  for (int64_t i = 0; i < reader->count(); ++i) {
    uint8_t label = 0;
    const absl::Status read = reader->Read({&label, 1});
    if (!read.ok()) return read;
    largest = std::max(largest, label);
  }
  return largest;
}

}  // namespace

absl::StatusOr<Survey> SurveyCsv(absl::string_view path, const CsvColumns& columns,
                                 const Labels& labels) {
  absl::StatusOr<CsvReader> reader = CsvReader::Open(path);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<CsvPlan> plan = PlanColumns(*reader, columns);
  if (!plan.ok()) return plan.status();
  Survey survey;
  survey.input_width = static_cast<int64_t>(plan->features.size());
  for (const size_t column : plan->features) {
    survey.feature_names.push_back(reader->header()[column]);
  }
  const absl::StatusOr<std::set<std::string>> seen =
      ReadRows(&*reader, *plan, labels, &survey.rows);
  if (!seen.ok()) return seen.status();
  if (survey.rows == 0 && !plan->labels.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no rows"));
  }
  if (!seen->empty()) SetClasses(*seen, &survey);
  return survey;
}

absl::StatusOr<Survey> SurveyIdx(absl::string_view images_path, absl::string_view labels_path) {
  const absl::StatusOr<IdxReader> images = IdxReader::Open(images_path);
  if (!images.ok()) return images.status();
  Survey survey;
  survey.input_width = images->item_bytes();
  if (labels_path.empty()) return survey;
  const absl::StatusOr<uint8_t> largest = LargestLabel(labels_path);
  if (!largest.ok()) return largest.status();
  for (int i = 0; i <= *largest; ++i) survey.class_names.push_back(absl::StrCat(i));
  return survey;
}

}  // namespace chainrule::client
