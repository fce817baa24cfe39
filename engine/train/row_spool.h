// RowSpool: labelled rows put aside where memory is not to hold them.
// Single-threaded. Gone with its owner, whatever ends it.
#ifndef CHAINRULE_ENGINE_TRAIN_ROW_SPOOL_H_
#define CHAINRULE_ENGINE_TRAIN_ROW_SPOOL_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/train/examples.h"

namespace chainrule::engine {

class RowSpool {
 public:
  virtual ~RowSpool() = default;
  // Copies the chunk's elements as they are. UNAVAILABLE, STORAGE_FAILED: the disk is full,
  // or fails.
  virtual absl::Status Append(const ExampleChunk& chunk) = 0;
  // All chunks, in order; they outlive the spool. Once, after the last Append. Fails as
  // Append.
  virtual absl::StatusOr<std::vector<ExampleChunk>> Read() = 0;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ROW_SPOOL_H_
