// CheckFolder: whether a data folder is sound, for an operator who has a backup in hand.
#ifndef CHAINRULE_SERVER_STORE_CHECK_FOLDER_H_
#define CHAINRULE_SERVER_STORE_CHECK_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/file_system.h"

namespace chainrule::server {

struct FolderReport {
  std::vector<std::string> findings;  // what is damaged, one line each
  std::string torn_tail;              // of the log, which is no damage; empty: none
  int64_t models = 0;
  int64_t files = 0;  // of weights, all read and digested
  int64_t bytes = 0;  // of theirs
  int64_t log_records = 0;

  bool sound() const { return findings.empty(); }
};

// Reads the whole folder and changes nothing in it; the facts are looked at in a copy.
// FAILED_PRECONDITION: a server runs on it, it is a newer server's, or no data folder;
// UNAVAILABLE: it cannot be read.
// `boot_id` as FolderStore's.
absl::StatusOr<FolderReport> CheckFolder(const std::string& path, FileSystem* files,
                                         const std::string& boot_id = "");

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_CHECK_FOLDER_H_
