// How rows stand in a spool: one after another, each whole in one place, so that a row is
// one read; their elements as they came.  A run is of rows that are alike.
// Thread-safe: values, and functions of their arguments.
#ifndef CHAINRULE_SERVER_STORE_SPOOL_LAYOUT_H_
#define CHAINRULE_SERVER_STORE_SPOOL_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/examples.h"

namespace chainrule::server {

// A row: its inputs, its targets or its class, and its weight if it has one.
struct RowLayout {
  engine::ElementType inputs = engine::ElementType::kFloat32;
  std::optional<engine::ElementType> targets;  // nothing: an int32, the class
  std::optional<engine::ElementType> weight;
  int64_t input_width = 0;
  int64_t target_width = 0;  // of targets

  static RowLayout Of(const engine::ExampleChunk& chunk);
  friend bool operator==(const RowLayout&, const RowLayout&) = default;

  int64_t input_bytes() const { return input_width * engine::ElementBytes(inputs); }
  // Of the targets or of the class.
  int64_t target_bytes() const;
  int64_t weight_bytes() const;
  int64_t row_bytes() const { return input_bytes() + target_bytes() + weight_bytes(); }
};

// Requires that the chunk is of this layout. Appends row `row`.
void AppendRow(const RowLayout& layout, const engine::ExampleChunk& chunk, int64_t row,
               std::string* bytes);

struct RowRun {
  RowLayout layout;
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t offset = 0;  // of its first row in the file

  int64_t OffsetOf(int64_t row) const { return offset + (row - first_row) * layout.row_bytes(); }
  bool Has(int64_t row) const { return row >= first_row && row < first_row + rows; }
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_SPOOL_LAYOUT_H_
