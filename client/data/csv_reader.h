#ifndef CHAINRULE_CLIENT_DATA_CSV_READER_H_
#define CHAINRULE_CLIENT_DATA_CSV_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

// CsvRow: the cells of one row, one for each column of the header.
struct CsvRow {
  int64_t line = 0;  // where it begins, from 1; a row with newlines in quotes has several
  std::vector<std::string> cells;
};

// CsvReader: the rows of a CSV file as RFC 4180 has it, with a header, plain or gzip.
// CRLF, LF or CR ends a row; blank lines are skipped, so are blanks around a bare cell; a
// byte order mark is dropped. Holds one row and one buffer, whatever the file's size.
// Single-threaded. Failures are INVALID_ARGUMENT and name file, line and column
// (`wdbc.csv:12: column 5 (area): …`), or those of InputFile with the line reached.
class CsvReader {
 public:
  // Reads the header too: names in UTF-8, none of them empty or twice.
  static absl::StatusOr<CsvReader> Open(absl::string_view path);

  CsvReader(CsvReader&&) noexcept;
  CsvReader& operator=(CsvReader&&) noexcept;
  ~CsvReader();

  const std::vector<std::string>& header() const { return header_; }

  // Where the column called `name` stands, from 0. `what` says whose column is missing.
  absl::StatusOr<size_t> ColumnOf(absl::string_view name, absl::string_view what) const;

  // Puts the next row into *row; false at the end.
  absl::StatusOr<bool> Next(CsvRow* row);

  // What is wrong with a cell, or with a whole row.
  absl::Status CellFault(const CsvRow& row, size_t column, absl::string_view what) const;
  absl::Status LineFault(int64_t line, absl::string_view what) const;

 private:
  class Lines;

  explicit CsvReader(std::unique_ptr<Lines> lines);
  absl::Status ReadHeader();
  absl::Status CheckHeader(int64_t line) const;
  // Names the first column that the row lacks, or has beyond the header's.
  absl::Status WidthFault(const CsvRow& row) const;

  std::unique_ptr<Lines> lines_;
  std::vector<std::string> header_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_CSV_READER_H_
