// Log: what was acknowledged since the last checkpoints, as one sequence of records for
// the whole server. Payloads are opaque bytes here; a record's key says whose it is.
#ifndef CHAINRULE_SERVER_STORE_LOG_H_
#define CHAINRULE_SERVER_STORE_LOG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

// What is known of a record even where its payload was damaged.
struct RecordKey {
  std::string owner;    // at most 255 bytes; empty: unknown, as in records of format 1
  uint64_t number = 0;  // counts the owner's records
  int64_t step = 0;     // that the owner is at after it
};

// Where a record is, for who reads it again.
struct RecordPlace {
  uint64_t segment = 0;
  int64_t offset = 0;
};

// A record, as it was read back. The payload is borrowed for the visit.
struct LogRecord {
  uint64_t sequence = 0;
  RecordKey key;
  RecordPlace place;
  absl::string_view payload;
};

// Called with each record that is read back. An error ends the reading and is returned.
using LogVisitor = std::function<absl::Status(const LogRecord& record)>;

// A part of the log that cannot be read, and is no torn tail.
struct LogDamage {
  struct Lost {
    std::string owner;
    uint64_t sequence = 0;  // of its last record there
    int64_t step = 0;
  };
  std::string what;  // the file, what is wrong and where
  // The records that are lost; none, if `last` is below `first`.
  uint64_t first = 0;
  uint64_t last = 0;
  bool owners_known = false;
  std::vector<Lost> owners;  // whose records they are, if that is known
};

// What reading a log found beside its records.
struct LogFindings {
  // All that can be read was, also where the log then did not open.
  bool complete = false;
  std::vector<LogDamage> damage;
  std::string torn_tail;  // that was cut off: the file, how much and where; empty: none
};

// What the damage means for `owner`, whose records up to `covered` are not needed, and of
// whom `last_read` is the last one that was read (0: none). DATA_LOSS, with the damage: it
// lost a record, or cannot be shown not to have. What it lost between two records that
// were read the numbers of these tell.
absl::Status CheckComplete(const std::vector<LogDamage>& damage, absl::string_view owner,
                           uint64_t covered, uint64_t last_read);

// Sequences, both ends included.
struct SequenceRange {
  uint64_t first = 0;
  uint64_t last = 0;
};

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
  virtual uint64_t Append(RecordKey key, std::string payload, Done done) = 0;
  // Returns when everything appended before is committed and synced, or the log failed.
  virtual absl::Status Flush() = 0;
  // Begins a new segment even if the current one is short, and returns the first
  // sequence that is not in an older one.
  virtual absl::StatusOr<uint64_t> Rotate() = 0;
  // Removes the segments whose records are all below `sequence`, but those that have one
  // of `kept`.
  virtual absl::Status RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept) = 0;
  // Bytes of the segments that are there.
  virtual int64_t bytes() const = 0;
  // The highest sequence that a power loss leaves.
  virtual uint64_t synced() const = 0;
  // OK, or why it closed.
  virtual absl::Status status() const = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_H_
