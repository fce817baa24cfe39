// Examples: labelled rows as they arrived, in one or more chunks, never copied and
// never converted as a whole: a chunk is a view of memory that its `owner` keeps
// alive (a message).  Gather converts the rows of a mini-batch.  Or they are in a spool:
// then a RowFeed (row_feed.h) brings them into memory, and only what says so works on them.
// Thread-compatible; const methods may run at the same time.
#ifndef CHAINRULE_ENGINE_TRAIN_EXAMPLES_H_
#define CHAINRULE_ENGINE_TRAIN_EXAMPLES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "engine/core/matrix.h"
#include "engine/kernels/convert.h"
#include "engine/nn/spec.h"
#include "engine/train/spooled_rows.h"

namespace chainrule::engine {

// [rows × columns] elements, row-major, without gaps; no alignment is promised.
struct ElementRows {
  ElementType type = ElementType::kFloat32;
  const void* data = nullptr;
  int64_t columns = 0;

  // destination: [columns] ← row `row` as float32.
  void CopyRow(int64_t row, std::span<float> destination) const {
    CopyElements(row * columns, destination);
  }
  // Asks the memory for row `row`, or the beginning of a long one.
  void PrefetchRow(int64_t row) const;
  // destination ← elements [first, first + destination.size()), counted by rows.
  void CopyElements(int64_t first, std::span<float> destination) const;
  // Element `index` as it came, counted by rows; of 64-bit integers to 53 bits.
  double ElementAt(int64_t index) const;
};

struct ExampleChunk {
  int64_t rows = 0;
  ElementRows inputs;
  // Exactly one of the two: targets, or the class of each row.
  ElementRows targets;
  std::span<const int32_t> class_ids;
  // data null: every row weighs 1. columns = 1.
  ElementRows sample_weights;
  std::shared_ptr<const void> owner;
};

// Rows [first, first + count) of it.
ExampleChunk Rows(const ExampleChunk& chunk, int64_t first, int64_t count);

// What is wrong with an element of a chunk.
struct ExampleFault {
  enum class Kind : uint8_t {
    kInputNotFinite,
    kTargetNotFinite,
    kTargetOutsideUnitInterval,  // cross-entropy
    kTargetRowSum,               // categorical: `value` is the sum, allowed 1 ± 1e-5
    kClassOutOfRange,
    kWeightNotFinite,
    kWeightNegative,
    kWeightOverflow,  // FLOAT64 that no float32 holds counts as not finite
  };
  Kind kind = Kind::kInputNotFinite;
  int64_t row = 0;
  int64_t column = 0;
  double value = 0;
};

// The first fault of a chunk, or nothing. One pass over its elements; for compute
// threads.
std::optional<ExampleFault> FindFault(const ExampleChunk& chunk, const NetworkSpec& spec);

// One example of a chunk. Borrows it.
struct Example {
  const ExampleChunk* chunk;
  int64_t row;

  // Asks the memory for the inputs, which CopyInputs will read soon.
  void PrefetchInputs() const { chunk->inputs.PrefetchRow(row); }
  void CopyInputs(std::span<float> inputs) const { chunk->inputs.CopyRow(row, inputs); }
  // A class becomes a one-hot row; with one unit, 0 or 1.
  void CopyTargets(std::span<float> targets) const;
  // 1 where the chunk has no weights.
  float Weight() const;
};

class Examples {
 public:
  Examples(int64_t input_width, int64_t output_width);

  // Requires the widths given to the constructor, and no spool.
  void Append(ExampleChunk chunk);
  // Takes all rows from a spool. Requires that there are none.
  void Spool(std::shared_ptr<const SpooledRows> rows);
  // No rows any more.
  void Clear();

  // These work on spooled rows, too.
  int64_t input_width() const { return input_width_; }
  int64_t output_width() const { return output_width_; }
  int64_t rows() const { return rows_; }
  bool weighted() const { return weighted_; }
  // Bytes of the elements themselves.
  int64_t bytes() const;
  // Where the rows are, if not in memory; or null.
  const std::shared_ptr<const SpooledRows>& spooled() const { return spooled_; }

  const std::vector<ExampleChunk>& chunks() const { return chunks_; }

  // Row i of inputs, targets, and weights[i] ← example indexes[i]. inputs:
  // [indexes × input_width], targets: [indexes × output_width] (a class becomes a
  // one-hot row; with one unit, 0 or 1). Where no chunk has weights they are 1.
  // Allocates nothing.
  void Gather(std::span<const int64_t> indexes, MatrixView inputs, MatrixView targets,
              std::span<float> weights) const;

  Example At(int64_t index) const;
  // One example's part of what Gather does.
  void CopyInputs(int64_t index, std::span<float> inputs) const;
  void CopyTargets(int64_t index, std::span<float> targets) const;
  float Weight(int64_t index) const;
  // Σ weights[i] of these examples; their number where no chunk has weights.
  double WeightSum(std::span<const int64_t> indexes) const;
  // sum ← sum + Σ weights[i] of these examples, one after another; 1 each where none is
  // weighted. Works on spooled rows, for which it may wait, or fail: UNAVAILABLE, STORAGE_FAILED.
  absl::Status AddWeights(std::span<const int64_t> indexes, double* sum) const;

 private:
  int64_t input_width_;
  int64_t output_width_;
  int64_t rows_ = 0;
  bool weighted_ = false;
  std::vector<ExampleChunk> chunks_;
  std::vector<int64_t> first_rows_;  // of each chunk
  std::shared_ptr<const SpooledRows> spooled_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_EXAMPLES_H_
