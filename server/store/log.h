// Log: what was acknowledged since the last checkpoints, as one sequence of records for
// the whole server. Records are opaque bytes here.
#ifndef CHAINRULE_SERVER_STORE_LOG_H_
#define CHAINRULE_SERVER_STORE_LOG_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

// Called with each record that is read back. An error ends the reading and is returned.
using LogVisitor = std::function<absl::Status(uint64_t sequence, absl::string_view payload)>;

// When a write or a sync fails, the log is closed for good: each waiting record's `done`
// gets the error, and so does that of every later Append. Whether a refused record is on
// the disk is unknown; reading it back tells.
// Errors: UNAVAILABLE, STORAGE_FAILED: what the disk said.
// Thread-safe.
class Log {
 public:
  // Called once for each record, in order, on the log's thread: OK once it is committed,
  // which under `sync` means synced. `synced`: the highest sequence that a power loss
  // leaves. It may Append, and must not wait for the log.
  using Done = std::function<void(absl::Status status, uint64_t synced)>;

  // Commits what waits, and ends.
  virtual ~Log() = default;

  // Queues a record; returns its sequence, from 1, without gaps.
  virtual uint64_t Append(std::string payload, Done done) = 0;
  // Returns when everything appended before is committed and synced, or the log failed.
  virtual absl::Status Flush() = 0;
  // Begins a new segment even if the current one is short, and returns the first
  // sequence that is not in an older one.
  virtual absl::StatusOr<uint64_t> Rotate() = 0;
  // Removes the segments whose records are all below `sequence`.
  virtual absl::Status RemoveBefore(uint64_t sequence) = 0;
  // Bytes of the segments that are there.
  virtual int64_t bytes() const = 0;
  // The highest sequence that a power loss leaves.
  virtual uint64_t synced() const = 0;
  // OK, or why it closed.
  virtual absl::Status status() const = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_H_
