#include "client/lib/examples.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

constexpr int64_t kEnvelopeBytes = 4096;  // a message without its rows, generously

// What of a message that the server takes may be rows: a quarter where all of it is small.
int64_t BytesForRows(const v1::Limits& limits) {
  const int64_t most = limits.max_message_bytes();
  return std::max(most - kEnvelopeBytes, most / 4);
}

// Which limit keeps a message to `rows` rows.
std::string LimitOf(const v1::Limits& limits, int64_t rows) {
  if (rows == limits.max_rows()) return absl::StrCat("max_rows is ", rows);
  return absl::StrCat("max_message_bytes is ", limits.max_message_bytes());
}

v1::Tensor ToTensor(const std::vector<float>& values, std::initializer_list<int64_t> shape) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_values()->Assign(values.begin(), values.end());
  return tensor;
}

}  // namespace

v1::Tensor ToInputs(const Rows& rows) {
  if (rows.pixels.empty()) return ToTensor(rows.values, {rows.count, rows.width});
  v1::Tensor tensor;
  tensor.set_dtype(v1::DATA_TYPE_UINT8);
  tensor.add_shape(rows.count);
  tensor.add_shape(rows.width);
  tensor.mutable_raw()->assign(rows.pixels.begin(), rows.pixels.end());
  return tensor;
}

v1::Examples ToExamples(const Rows& rows) {
  v1::Examples examples;
  *examples.mutable_inputs() = ToInputs(rows);
  if (!rows.classes.empty()) {
    examples.mutable_class_labels()->mutable_ids()->Assign(rows.classes.begin(),
                                                           rows.classes.end());
  }
  if (rows.target_width > 0) {
    *examples.mutable_targets() = ToTensor(rows.targets, {rows.count, rows.target_width});
  }
  if (!rows.weights.empty()) {
    *examples.mutable_sample_weights() = ToTensor(rows.weights, {rows.count});
  }
  return examples;
}

int64_t RowsPerMessage(const v1::Limits& limits, int64_t bytes_per_row, int64_t wanted_bytes) {
  int64_t bytes = wanted_bytes;
  if (limits.max_message_bytes() > 0) bytes = std::min(bytes, BytesForRows(limits));
  int64_t rows = bytes / std::max<int64_t>(bytes_per_row, 1);
  if (limits.max_rows() > 0) rows = std::min(rows, limits.max_rows());
  return std::max<int64_t>(rows, 1);
}

absl::StatusOr<bool> ReadUpTo(RowSource* source, int64_t most, Rows* rows) {
  constexpr int64_t kBlock = 1024;
  Rows block;
  while (rows->count < most) {
    const absl::Status read = source->Next(std::min(most - rows->count, kBlock), &block);
    if (!read.ok()) return read;
    if (block.count == 0) return true;
    if (rows->count == 0) {
      rows->width = block.width;
      rows->target_width = block.target_width;
    }
    for (int64_t i = 0; i < block.count; ++i) rows->Append(block, i);
  }
  return false;
}

absl::StatusOr<v1::Examples> ReadExamples(const v1::Limits& limits, RowSource* source) {
  const int64_t most = RowsPerMessage(limits, source->bytes_per_row(), limits.max_message_bytes());
  Rows all;
  const absl::StatusOr<bool> whole = ReadUpTo(source, most + 1, &all);
  if (!whole.ok()) return whole.status();
  if (!*whole) {
    return absl::InvalidArgumentError(absl::StrCat("more than the ", most,
                                                   " rows that the server takes in one call: its ",
                                                   LimitOf(limits, most)));
  }
  if (all.count == 0) return absl::InvalidArgumentError("no rows");
  return ToExamples(all);
}

}  // namespace chainrule::client
