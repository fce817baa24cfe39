#ifndef CHAINRULE_CLIENT_DATA_CSV_SOURCE_H_
#define CHAINRULE_CLIENT_DATA_CSV_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/data/csv_reader.h"
#include "client/data/labels.h"
#include "client/data/rows.h"

namespace chainrule::client {

// CsvColumns: what a file's columns are for, by name.
struct CsvColumns {
  std::vector<std::string> features = {};  // in this order; none: all the others, as they stand
  std::vector<std::string> labels = {};    // one for classes, one an output for numbers
  std::string weight = {};                 // what a row counts for; empty: 1
  std::vector<std::string> ignored = {};
};

// CsvPlan: the same columns as positions in one file.
struct CsvPlan {
  std::vector<size_t> features;
  std::vector<size_t> labels;
  std::vector<size_t> weight;  // one or none
};

// INVALID_ARGUMENT: a column is not there, or none is left for the features.
absl::StatusOr<CsvPlan> PlanColumns(const CsvReader& reader, const CsvColumns& columns);

// CsvSource: the rows of a CSV file as numbers.
class CsvSource final : public RowSource {
 public:
  static absl::StatusOr<std::unique_ptr<CsvSource>> Open(absl::string_view path,
                                                         const CsvColumns& columns, Labels labels);

  int64_t width() const override { return static_cast<int64_t>(plan_.features.size()); }
  int64_t bytes_per_row() const override;
  absl::Status Next(int64_t max_rows, Rows* rows) override;

 private:
  CsvSource(CsvReader reader, CsvPlan plan, Labels labels);
  absl::Status AppendRow(Rows* rows);
  absl::Status AppendNumbers(const std::vector<size_t>& columns, std::vector<float>* numbers);
  absl::Status AppendLabel(Rows* rows);
  absl::Status AppendTargets(std::vector<float>* targets);
  absl::Status AppendWeight(Rows* rows);

  CsvReader reader_;
  const CsvPlan plan_;
  const Labels labels_;
  CsvRow row_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_CSV_SOURCE_H_
