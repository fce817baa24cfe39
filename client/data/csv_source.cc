#include "client/data/csv_source.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

absl::StatusOr<std::vector<size_t>> Positions(const CsvReader& reader,
                                              const std::vector<std::string>& names,
                                              absl::string_view what) {
  std::vector<size_t> positions;
  for (const std::string& name : names) {
    const absl::StatusOr<size_t> position = reader.ColumnOf(name, what);
    if (!position.ok()) return position.status();
    positions.push_back(*position);
  }
  return positions;
}

std::vector<size_t> AllBut(const std::set<size_t>& taken, size_t count) {
  std::vector<size_t> rest;
  for (size_t i = 0; i < count; ++i) {
    if (!taken.contains(i)) rest.push_back(i);
  }
  return rest;
}

}  // namespace

absl::StatusOr<CsvPlan> PlanColumns(const CsvReader& reader, const CsvColumns& columns) {
  CsvPlan plan;
  std::set<size_t> taken;
  const auto take = [&](const std::vector<std::string>& names, absl::string_view what,
                        std::vector<size_t>* positions) {
    const absl::StatusOr<std::vector<size_t>> found = Positions(reader, names, what);
    if (!found.ok()) return found.status();
    taken.insert(found->begin(), found->end());
    *positions = *found;
    return absl::OkStatus();
  };
  std::vector<std::string> weight;
  if (!columns.weight.empty()) weight.push_back(columns.weight);
  std::vector<size_t> ignored;
  absl::Status status = take(columns.labels, "label", &plan.labels);
  if (status.ok()) status = take(weight, "weight", &plan.weight);
  if (status.ok()) status = take(columns.ignored, "ignored", &ignored);
  if (status.ok()) status = take(columns.features, "feature", &plan.features);
  if (!status.ok()) return status;
  if (columns.features.empty()) plan.features = AllBut(taken, reader.header().size());
  if (plan.features.empty()) return reader.LineFault(1, "no column is left for the features");
  return plan;
}

absl::StatusOr<std::unique_ptr<CsvSource>> CsvSource::Open(absl::string_view path,
                                                           const CsvColumns& columns,
                                                           Labels labels) {
  absl::StatusOr<CsvReader> reader = CsvReader::Open(path);
  if (!reader.ok()) return reader.status();
  absl::StatusOr<CsvPlan> plan = PlanColumns(*reader, columns);
  if (!plan.ok()) return plan.status();
  return std::unique_ptr<CsvSource>(
      new CsvSource(*std::move(reader), *std::move(plan), std::move(labels)));
}

CsvSource::CsvSource(CsvReader reader, CsvPlan plan, Labels labels)
    : reader_(std::move(reader)), plan_(std::move(plan)), labels_(std::move(labels)) {}

int64_t CsvSource::bytes_per_row() const {
  const size_t numbers = plan_.features.size() + plan_.labels.size() + plan_.weight.size();
  return static_cast<int64_t>(numbers * sizeof(float));
}

absl::Status CsvSource::Next(int64_t max_rows, Rows* rows) {
  rows->Clear();
  rows->width = width();
  rows->target_width =
      labels_.kind() == LabelKind::kNumbers ? static_cast<int64_t>(plan_.labels.size()) : 0;
  while (rows->count < max_rows) {
    const absl::StatusOr<bool> read = reader_.Next(&row_);
    if (!read.ok()) return read.status();
    if (!*read) break;
    const absl::Status appended = AppendRow(rows);
    if (!appended.ok()) return appended;
  }
  return absl::OkStatus();
}

absl::Status CsvSource::AppendRow(Rows* rows) {
  absl::Status status = AppendNumbers(plan_.features, &rows->values);
  if (status.ok()) status = AppendLabel(rows);
  if (status.ok()) status = AppendWeight(rows);
  ++rows->count;
  return status;
}

absl::Status CsvSource::AppendNumbers(const std::vector<size_t>& columns,
                                      std::vector<float>* numbers) {
  for (const size_t column : columns) {
    const absl::StatusOr<float> number = ParseNumber(row_.cells[column]);
    if (!number.ok()) return reader_.CellFault(row_, column, number.status().message());
    numbers->push_back(*number);
  }
  return absl::OkStatus();
}

absl::Status CsvSource::AppendLabel(Rows* rows) {
  if (labels_.kind() == LabelKind::kNone) return absl::OkStatus();
  if (labels_.kind() == LabelKind::kNumbers) return AppendTargets(&rows->targets);
  const size_t column = plan_.labels.front();
  const absl::StatusOr<int32_t> id = labels_.ClassOf(row_.cells[column]);
  if (!id.ok()) return reader_.CellFault(row_, column, id.status().message());
  rows->classes.push_back(*id);
  return absl::OkStatus();
}

absl::Status CsvSource::AppendTargets(std::vector<float>* targets) {
  for (const size_t column : plan_.labels) {
    const absl::StatusOr<float> target = labels_.NumberOf(row_.cells[column]);
    if (!target.ok()) return reader_.CellFault(row_, column, target.status().message());
    targets->push_back(*target);
  }
  return absl::OkStatus();
}

absl::Status CsvSource::AppendWeight(Rows* rows) {
  const absl::Status status = AppendNumbers(plan_.weight, &rows->weights);
  if (!status.ok() || plan_.weight.empty() || rows->weights.back() >= 0) return status;
  const size_t column = plan_.weight.front();
  return reader_.CellFault(
      row_, column,
      absl::StrCat(Quoted(row_.cells[column]), " is negative, a weight is 0 or more"));
}

}  // namespace chainrule::client
