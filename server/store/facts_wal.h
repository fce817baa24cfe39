// FactsWal: keeps the write-ahead log of the facts such that what a killed server leaves of
// it can be told from damage (facts_guard.h): a frame is written behind the file's end, never
// over an older one, and the file RUNNING vouches for a log that has a transaction.
// Thread-compatible.
#ifndef CHAINRULE_SERVER_STORE_FACTS_WAL_H_
#define CHAINRULE_SERVER_STORE_FACTS_WAL_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/file_system.h"
#include "server/store/sqlite.h"

namespace chainrule::server {

class FactsWal {
 public:
  // `wal` and `running` are the files' paths. What an earlier life left of the log was
  // checked, and is in the database after the first Prepare.
  FactsWal(std::string wal, std::string running, std::string boot_id, FileSystem* files);
  // Before a transaction; after an error there is to be none.
  absl::Status Prepare(Sqlite* database);
  // After it.
  void Committed();
  void Failed() { begin_anew_ = true; }
  // Before the database is closed, with which the log goes, unless it is vouched for still.
  void End(Sqlite* database);

 private:
  absl::Status Disown(Sqlite* database);

  const std::string wal_;
  const std::string running_;
  const std::string boot_id_;
  FileSystem* const files_;
  // An earlier life's log, one that is long enough, or has frames of a transaction that failed.
  bool begin_anew_ = true;
  bool vouched_ = false;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FACTS_WAL_H_
