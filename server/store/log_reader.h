// LogReader: reads a folder of log segments back, record by record, in order.
//
// A torn tail, which a crash leaves in the last segment, is cut off there, and told: a
// record that is not whole and has nothing behind it or, where LogTail says so, that is
// damaged in any way, and was never synced as far as any sound record behind it tells.
// Damage anywhere else is told, with the file and the byte and what is known of the
// records that are lost, and reading goes on behind it, where a frame's own checksum says
// that it is one.
// Single-threaded.
#ifndef CHAINRULE_SERVER_STORE_LOG_READER_H_
#define CHAINRULE_SERVER_STORE_LOG_READER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/file_system.h"
#include "server/store/log.h"

namespace chainrule::server {

struct LogSegment {
  uint64_t number = 0;
  uint64_t first_sequence = 0;
  uint64_t before = 0;  // the last sequence before it
  int64_t bytes = 0;
  // Of records that nobody needs only the header is there; then the last one's sequence.
  uint64_t removed = 0;
};

enum class LogRepair : uint8_t {
  kNone,     // changes nothing; a torn tail is passed over
  kCut,      // a torn tail is cut off in the file, too, and a last segment without records
             // is removed
  kRewrite,  // and the last segment is written anew and synced, whatever it held: after a
             // sync that failed, or none, what can be read need not be on the disk
};

// What a crash may have left of the last group that was written.
enum class LogTail : uint8_t {
  kPrefix,  // its first bytes: the machine runs on, and has what any write took
  kAny,     // any parts of it: the machine was started anew, or the disk failed
};

// Where a folder's log ends: what a new segment goes on from.
struct LogEnd {
  uint64_t last_sequence = 0;
  uint64_t last_segment = 0;
  std::vector<LogSegment> segments;
  std::vector<LogDamage> damage;
  std::string torn_tail;  // the file, how much and where; empty: none
  // Why the repair that was asked for was not made; OK if it was.
  absl::Status repaired;
  // The last record of each owner, of all the records from `known_since` on.
  std::map<std::string, LogDamage::Lost> latest;
  uint64_t known_since = 1;
};

// Reads all there is; a folder without segments is an empty log. Errors:
// FAILED_PRECONDITION: written by a newer server; otherwise what the file system or `visit`
// said.
absl::StatusOr<LogEnd> ReadLog(FileSystem* files, const std::string& folder, LogRepair repair,
                               const LogVisitor& visit, LogTail tail = LogTail::kAny);

// The payload of a record that ReadLog visited. DATA_LOSS, MODEL_DAMAGED: it is no longer
// as it was; otherwise what the file system said.
absl::StatusOr<std::string> ReadPayload(FileSystem* files, const std::string& folder,
                                        const RecordPlace& place);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_READER_H_
