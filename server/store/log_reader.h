// LogReader: reads a folder of log segments back, record by record, in order.
//
// A torn tail, which a crash leaves in the last segment, is cut off there: a record that
// is not whole, or damaged, with nothing sound behind it. Damage anywhere else is
// DATA_LOSS, with the file and the byte, and is never passed over.
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

// Where a folder's log ends: what a new segment goes on from.
struct LogEnd {
  uint64_t last_sequence = 0;
  uint64_t last_segment = 0;
  std::vector<LogSegment> segments;
};

// Reads all there is; a folder without segments is an empty log. With `repair` the torn
// tail is cut off in the file, too, else it is only passed over. DATA_LOSS as above;
// otherwise what the file system or `visit` said.
absl::StatusOr<LogEnd> ReadLog(FileSystem* files, const std::string& folder, bool repair,
                               const LogVisitor& visit);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_READER_H_
