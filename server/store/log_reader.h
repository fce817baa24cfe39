// LogReader: reads a folder of log segments back, record by record, in order.
//
// A torn tail, which a crash leaves in the last segment, is cut off there: a record that
// is not whole, or damaged, and was never synced as far as any sound record behind it
// tells. Damage anywhere else is DATA_LOSS, with the file and the byte, and is never
// passed over.
// Single-threaded.
#ifndef CHAINRULE_SERVER_STORE_LOG_READER_H_
#define CHAINRULE_SERVER_STORE_LOG_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/file_system.h"
#include "server/store/log.h"

namespace chainrule::server {

struct LogSegment {
  uint64_t number = 0;
  uint64_t first_sequence = 0;
  int64_t bytes = 0;
};

enum class LogRepair : uint8_t {
  kNone,     // changes nothing; a torn tail is passed over
  kCut,      // a torn tail is cut off in the file, too, and a last segment without records
             // is removed
  kRewrite,  // and the last segment is written anew and synced, whatever it held: after a
             // sync that failed, or none, what can be read need not be on the disk
};

// Where a folder's log ends: what a new segment goes on from.
struct LogEnd {
  uint64_t last_sequence = 0;
  uint64_t last_segment = 0;
  std::vector<LogSegment> segments;
};

// Reads all there is; a folder without segments is an empty log. Errors: DATA_LOSS as
// above (MODEL_DAMAGED); FAILED_PRECONDITION: written by a newer server; otherwise what
// the file system or `visit` said.
absl::StatusOr<LogEnd> ReadLog(FileSystem* files, const std::string& folder, LogRepair repair,
                               const LogVisitor& visit);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_READER_H_
