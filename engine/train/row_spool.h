// RowSpool: takes labelled rows where memory is not to hold them.
// Single-threaded. Gone with its owner, whatever ends it.
#ifndef CHAINRULE_ENGINE_TRAIN_ROW_SPOOL_H_
#define CHAINRULE_ENGINE_TRAIN_ROW_SPOOL_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/train/examples.h"
#include "engine/train/spooled_rows.h"

namespace chainrule::engine {

class RowSpool {
 public:
  virtual ~RowSpool() = default;
  // Copies the chunk's rows. UNAVAILABLE, STORAGE_FAILED: the disk is full, or fails; so is
  // every later call then.
  virtual absl::Status Append(const ExampleChunk& chunk) = 0;
  // All rows, in order; they outlive the spool. Once, after the last Append. Fails as
  // Append.
  virtual absl::StatusOr<std::shared_ptr<const SpooledRows>> Finish() = 0;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ROW_SPOOL_H_
