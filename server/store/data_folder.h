// DataFolder: the folder that holds a server's whole state, held for one process.
//   FORMAT        "chainrule data 3"
//   LOCK          flock: exclusive while a server runs, shared while one is checked
//   facts.sqlite  what facts.h keeps
//   weights/      checkpoints and versions, safetensors
//   log/          the train log's segments
//   spool/        what calls put aside; emptied at the opening
// Owner: the store. Thread-safe: immutable once opened.
#ifndef CHAINRULE_SERVER_STORE_DATA_FOLDER_H_
#define CHAINRULE_SERVER_STORE_DATA_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/file_system.h"

namespace chainrule::server {

class DataFolder {
 public:
  // Makes what is missing, parents included, takes the lock, and has FORMAT say this
  // server's. Fails with FAILED_PRECONDITION, in one line that says so: a server runs on it;
  // it was made by a newer server, or has no FORMAT and is not empty, and then nothing is
  // touched. UNAVAILABLE: what the disk said.
  static absl::StatusOr<DataFolder> Open(std::string path, FileSystem* files);
  // Changes nothing. FAILED_PRECONDITION as above, also where there is no data folder.
  static absl::StatusOr<DataFolder> OpenForCheck(std::string path, FileSystem* files);

  std::string facts() const { return path_ + "/facts.sqlite"; }
  std::string weights() const { return path_ + "/weights"; }
  std::string log() const { return path_ + "/log"; }
  std::string spool() const { return path_ + "/spool"; }
  // There while the facts' write-ahead log may have something that their database has not: in
  // which start of the machine it was written.
  std::string running() const { return path_ + "/RUNNING"; }
  // Files of weights that no fact named, of models that no fact knows: the newest few.
  std::string lost() const { return path_ + "/lost"; }

 private:
  // Given up when the process ends, at the latest.
  class Lock;
  DataFolder(std::string path, std::shared_ptr<Lock> lock);
  static absl::StatusOr<std::shared_ptr<Lock>> Take(const std::string& path, bool exclusive);

  std::string path_;
  std::shared_ptr<Lock> lock_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_DATA_FOLDER_H_
