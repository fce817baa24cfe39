// ScanWal: where SQLite's write-ahead log stops being sound, and whether more of it follows.
// Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
#ifndef CHAINRULE_SERVER_STORE_WAL_SCAN_H_
#define CHAINRULE_SERVER_STORE_WAL_SCAN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/file_system.h"

namespace chainrule::server {

struct WalScan {
  // The header, or a whole frame, is not sound, and is no older log's rest.
  bool broken = false;
  // Frames are there, but before them no header that is sound.
  bool header_broken = false;
  int64_t broken_at = 0;  // byte
  // Frames of this log, that one and those behind it, that end a transaction.
  int64_t commits_from_there = 0;
};

// The file is not empty. Errors are those of reading.
absl::StatusOr<WalScan> ScanWal(FileSystem* files, const std::string& path);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_WAL_SCAN_H_
