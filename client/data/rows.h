// Labelled rows on their way from a file to the server.
#ifndef CHAINRULE_CLIENT_DATA_ROWS_H_
#define CHAINRULE_CLIENT_DATA_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace chainrule::client {

// Rows: a block of examples. Of `values` and `pixels` one is filled, [count × width]; of
// `classes` and `targets` at most one.
struct Rows {
  int64_t count = 0;
  int64_t width = 0;
  std::vector<float> values;     // of a CSV
  std::vector<uint8_t> pixels;   // of an IDX file
  std::vector<int32_t> classes;  // [count]
  int64_t target_width = 0;
  std::vector<float> targets;    // [count × target_width]
  std::vector<float> weights;    // [count], or none
  std::vector<int64_t> numbers;  // [count]: the row's place in its file, from 1; or none

  // No rows; the widths stay.
  void Clear();
  // Adds row `index` of `other`, which has the same widths and kinds.
  void Append(const Rows& other, int64_t index);
};

// RowSource: a data set, a block at a time. Single-threaded.
class RowSource {
 public:
  virtual ~RowSource() = default;

  virtual int64_t width() const = 0;
  // What a row takes in a message: inputs, label and weight.
  virtual int64_t bytes_per_row() const = 0;

  // Replaces *rows by the next 1 to `max_rows` rows, or by none at the end. Failures name
  // the file and the place in it; *rows is then undefined.
  virtual absl::Status Next(int64_t max_rows, Rows* rows) = 0;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_ROWS_H_
