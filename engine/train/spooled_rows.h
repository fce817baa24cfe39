// SpooledRows: labelled rows that memory does not hold, read back in any order.
// RowStage: a place in memory for some of them at a time.
#ifndef CHAINRULE_ENGINE_TRAIN_SPOOLED_ROWS_H_
#define CHAINRULE_ENGINE_TRAIN_SPOOLED_ROWS_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"

namespace chainrule::engine {

struct ExampleChunk;

// Single-threaded; outlived by the rows that made it.
// UNAVAILABLE, STORAGE_FAILED: the disk failed; chunks() is not to be looked at then.
class RowStage {
 public:
  virtual ~RowStage() = default;
  // Copies these rows in the place of those before as far as memory has them still, and asks
  // the disk for the others, without waiting for it.
  virtual absl::Status Start(std::span<const int64_t> rows) = 0;
  // Waits for the others.
  virtual absl::Status Finish() = 0;
  // The rows that were asked for, in their order, after Finish and until the next Start.
  virtual const std::vector<ExampleChunk>& chunks() const = 0;
};

// Thread-safe: immutable.
class SpooledRows {
 public:
  virtual ~SpooledRows() = default;
  virtual int64_t rows() const = 0;
  // Whether any of them has a weight of its own.
  virtual bool weighted() const = 0;
  // Of all rows, and of the largest one.
  virtual int64_t bytes() const = 0;
  virtual int64_t largest_row_bytes() const = 0;

  virtual std::unique_ptr<RowStage> NewStage() const = 0;
  // sum ← sum + Σ weights of these rows, one after another; waits for the disk. UNAVAILABLE,
  // STORAGE_FAILED.
  virtual absl::Status AddWeights(std::span<const int64_t> rows, double* sum) const = 0;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_SPOOLED_ROWS_H_
