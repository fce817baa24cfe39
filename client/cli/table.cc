#include "client/cli/table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

using Cells = std::vector<std::string>;

// Characters, not bytes: continuation bytes of UTF-8 take no place.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

bool IsNumeric(const std::string& text) {
  return !text.empty() && (absl::ascii_isdigit(static_cast<unsigned char>(text[0])) ||
                           text[0] == '-' || text[0] == '+');
}

void Widen(const Cells& cells, std::vector<size_t>* widths) {
  if (cells.size() > widths->size()) widths->resize(cells.size());
  for (size_t i = 0; i < cells.size(); ++i) {
    (*widths)[i] = std::max((*widths)[i], WidthOf(cells[i]));
  }
}

std::string Line(const Cells& cells, const std::vector<size_t>& widths,
                 const std::vector<bool>& is_right) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string blanks(widths[i] - WidthOf(cells[i]), ' ');
    absl::StrAppend(&line, i > 0 ? "  " : "", is_right[i] ? blanks : "", cells[i],
                    is_right[i] ? "" : blanks);
  }
  return std::string(absl::StripTrailingAsciiWhitespace(line));
}

Cells EscapedCells(Cells cells) {
  for (std::string& cell : cells) cell = Escaped(cell);
  return cells;
}

}  // namespace

Table::Table(std::vector<std::string> heads) : heads_(EscapedCells(std::move(heads))) {}

void Table::Add(std::vector<std::string> cells) { rows_.push_back(EscapedCells(std::move(cells))); }

void Table::Print(std::ostream& out) const {
  std::vector<size_t> widths;
  Widen(heads_, &widths);
  for (const Cells& row : rows_) Widen(row, &widths);
  std::vector<bool> is_right(widths.size());
  for (size_t i = 0; i < widths.size(); ++i) {
    is_right[i] = std::any_of(rows_.begin(), rows_.end(), [i](const Cells& row) {
      return i < row.size() && IsNumeric(row[i]);
    });
  }
  if (!heads_.empty()) out << Line(heads_, widths, is_right) << '\n';
  for (const Cells& row : rows_) out << Line(row, widths, is_right) << '\n';
}

std::string Number(double value) { return absl::StrCat(value); }

std::string ShapeOf(const v1::Tensor& tensor) { return absl::StrJoin(tensor.shape(), "×"); }

double Norm(const v1::Tensor& tensor) {
  double sum = 0;
  for (const float value : tensor.values()) sum += double{value} * value;
  return std::sqrt(sum);
}

double Largest(const v1::Tensor& tensor) {
  double largest = 0;
  for (const float value : tensor.values()) largest = std::max(largest, std::abs(double{value}));
  return largest;
}

}  // namespace chainrule::client
