#include "client/data/csv_reader.h"

#include <csv.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/data/input_file.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
constexpr size_t kLongestRecord = 16 << 20;
// By how much libcsv lengthens its row; its own 128 bytes copy a long one over and over.
constexpr size_t kCellGrowth = 64 << 10;
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

absl::Status FaultAt(absl::string_view path, int64_t line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", what));
}

}  // namespace

// Feeds libcsv one line at a time, because the library tells nothing of lines: so at most
// one row ends within a call, and its first line is known.
class CsvReader::Lines {
 public:
  explicit Lines(InputFile file) : file_(std::move(file)) {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_blk_size(&parser_, kCellGrowth);
  }
  ~Lines() { csv_free(&parser_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  absl::StatusOr<bool> Next(CsvRow* row) {
    cells_.clear();
    row_ended_ = false;
    record_bytes_ = 0;
    while (!row_ended_) {
      const absl::Status filled = FillBuffer();
      if (!filled.ok()) return filled;
      const bool is_over = rest_.empty();
      const absl::Status parsed = is_over ? Finish() : ParseLine(TakeLine());
      if (!parsed.ok()) return parsed;
      if (is_over && !row_ended_) return false;
    }
    row->line = first_line_;
    row->cells.swap(cells_);
    return true;
  }

  const std::string& path() const { return file_.path(); }

 private:
  static void OnCell(void* text, size_t size, void* self) {
    static_cast<Lines*>(self)->cells_.emplace_back(static_cast<const char*>(text), size);
  }
  static void OnRow(int /*terminator*/, void* self) {
    static_cast<Lines*>(self)->row_ended_ = true;
  }

  absl::Status FillBuffer() {
    if (!rest_.empty()) return absl::OkStatus();
    const absl::StatusOr<size_t> read = file_.Read(buffer_);
    if (!read.ok()) return ReadFault(read.status());
    rest_ = absl::string_view(buffer_.data(), *read);
    if (std::exchange(at_start_, false) && absl::StartsWith(rest_, kByteOrderMark)) {
      rest_.remove_prefix(kByteOrderMark.size());
    }
    return absl::OkStatus();
  }

  absl::Status ReadFault(const absl::Status& fault) const {
    return {fault.code(), absl::StrCat(fault.message(), ", in line ", line_)};
  }

  // The rest of the buffer up to a line's end, which it includes.
  absl::string_view TakeLine() {
    const size_t end = rest_.find_first_of("\r\n");
    const size_t size = end == absl::string_view::npos ? rest_.size() : end + 1;
    const absl::string_view line = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return line;
  }

  absl::Status ParseLine(absl::string_view line) {
    const bool is_blank = record_bytes_ == 0 && absl::StripAsciiWhitespace(line).empty();
    if (!is_blank) {
      if (record_bytes_ == 0) first_line_ = line_;
      record_bytes_ += line.size();
      const absl::Status fed = Feed(line);
      if (!fed.ok()) return fed;
    }
    CountLines(line);
    return absl::OkStatus();
  }

  absl::Status Feed(absl::string_view line) {
    if (record_bytes_ > kLongestRecord) {
      return FaultAt(path(), first_line_, "the row is longer than 16 MiB; is a quote left open?");
    }
    if (csv_parse(&parser_, line.data(), line.size(), OnCell, OnRow, this) == line.size()) {
      return absl::OkStatus();
    }
    return FaultAt(path(), line_,
                   absl::StrCat("column ", cells_.size() + 1,
                                ": a quote in a cell that does not begin with one, or text after "
                                "the closing quote (a quote in quotes is written twice)"));
  }

  absl::Status Finish() {
    if (csv_fini(&parser_, OnCell, OnRow, this) == 0) return absl::OkStatus();
    return FaultAt(path(), first_line_,
                   absl::StrCat("column ", cells_.size() + 1, ": the quote is never closed"));
  }

  // CRLF is one line's end, also where its two bytes come apart.
  void CountLines(absl::string_view line) {
    const char last = line.back();
    if (last == '\r' || (last == '\n' && !after_cr_)) ++line_;
    after_cr_ = last == '\r';
  }

  InputFile file_;
  csv_parser parser_;
  std::array<char, kBufferBytes> buffer_;
  absl::string_view rest_;  // of buffer_, not yet parsed
  bool at_start_ = true;
  bool after_cr_ = false;
  int64_t line_ = 1;
  // The row under way.
  int64_t first_line_ = 1;
  size_t record_bytes_ = 0;
  bool row_ended_ = false;
  std::vector<std::string> cells_;
};

CsvReader::CsvReader(std::unique_ptr<Lines> lines) : lines_(std::move(lines)) {}
CsvReader::CsvReader(CsvReader&&) noexcept = default;
CsvReader& CsvReader::operator=(CsvReader&&) noexcept = default;
CsvReader::~CsvReader() = default;

absl::StatusOr<CsvReader> CsvReader::Open(absl::string_view path) {
  absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  CsvReader reader(std::make_unique<Lines>(*std::move(file)));
  const absl::Status status = reader.ReadHeader();
  if (!status.ok()) return status;
  return reader;
}

absl::Status CsvReader::ReadHeader() {
  CsvRow row;
  const absl::StatusOr<bool> read = lines_->Next(&row);
  if (!read.ok()) return read.status();
  if (!*read) return LineFault(1, "the file is empty, a header row is needed");
  header_ = std::move(row.cells);
  return CheckHeader(row.line);
}

absl::Status CsvReader::CheckHeader(int64_t line) const {
  std::set<absl::string_view> seen;
  for (size_t i = 0; i < header_.size(); ++i) {
    const std::string at = absl::StrCat("column ", i + 1, " of the header ");
    if (!IsUtf8(header_[i])) return LineFault(line, absl::StrCat(at, "is not UTF-8"));
    if (header_[i].empty()) return LineFault(line, absl::StrCat(at, "has no name"));
    if (!seen.insert(header_[i]).second) {
      return LineFault(line, absl::StrCat(at, "has the name of one before: ", Quoted(header_[i])));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> CsvReader::ColumnOf(absl::string_view name, absl::string_view what) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found != header_.end()) return static_cast<size_t>(found - header_.begin());
  return LineFault(1, absl::StrCat("there is no ", what, " column ", Quoted(name), "; there are ",
                                   FirstOf(header_)));
}

absl::StatusOr<bool> CsvReader::Next(CsvRow* row) {
  const absl::StatusOr<bool> read = lines_->Next(row);
  if (!read.ok() || !*read || row->cells.size() == header_.size()) return read;
  return WidthFault(*row);
}

absl::Status CsvReader::WidthFault(const CsvRow& row) const {
  const size_t width = row.cells.size();
  const std::string widths =
      absl::StrCat(": the row has ", width, " columns, the header ", header_.size());
  if (width < header_.size()) return CellFault(row, width, absl::StrCat("missing", widths));
  return LineFault(
      row.line, absl::StrCat("column ", header_.size() + 1, ": ", Quoted(row.cells[header_.size()]),
                             " is surplus", widths));
}

absl::Status CsvReader::CellFault(const CsvRow& row, size_t column, absl::string_view what) const {
  return LineFault(
      row.line, absl::StrCat("column ", column + 1, " (", Escaped(header_[column]), "): ", what));
}

absl::Status CsvReader::LineFault(int64_t line, absl::string_view what) const {
  return FaultAt(lines_->path(), line, what);
}

}  // namespace chainrule::client
