// Facts: the facts of a data folder, in a SQLite database: models with labels and
// aliases, versions, remembered lifecycle requests, and a few values of the folder's own.
// Write-ahead log, synchronous FULL, locked for one process.
//
// Errors: of sqlite.h, and of Store::Apply. FAILED_PRECONDITION: made by a newer server.
// Thread-safe.
#ifndef CHAINRULE_SERVER_STORE_FACTS_H_
#define CHAINRULE_SERVER_STORE_FACTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/mutex.h"
#include "server/store/facts_wal.h"
#include "server/store/file_system.h"
#include "server/store/sqlite.h"
#include "server/store/store.h"

namespace chainrule::server {

class Facts {
 public:
  struct Options {
    std::string path;     // of the database
    std::string running;  // of the file that is there while its write-ahead log is
    std::string boot_id;
  };
  // Opens the database; makes it if it is not there.
  static absl::StatusOr<std::unique_ptr<Facts>> Open(const Options& options, FileSystem* files);

  ~Facts();
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;

  absl::StatusOr<std::vector<StoredModel>> Models();
  absl::StatusOr<StoredRequests> Requests();
  // The files of weights that a checkpoint or a version names, by name.
  absl::StatusOr<std::vector<WeightsFile>> Weights();
  // The highest sequence that a checkpoint holds.
  absl::StatusOr<uint64_t> LastSequence();
  absl::Status Apply(const StoreChange& change);

  // The folder's own values.
  absl::StatusOr<std::map<std::string, std::string>> Values();
  absl::Status PutValues(const std::map<std::string, std::string>& values);

  // What SQLite's own check finds, one line each; none if the database is sound.
  absl::StatusOr<std::vector<std::string>> CheckIntegrity();

 private:
  Facts(const Options& options, FileSystem* files, Sqlite database);
  absl::Status Prepare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<SqliteStatement*> Statement(const char* sql) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename Changes>
  absl::Status InTransaction(const Changes& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Each appends to what is read, or changes.
  absl::Status ReadMaps(std::map<std::string, StoredModel>* models)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status ReadVersions(std::map<std::string, StoredModel>* models)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Change(const StoreChange& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PutModel(const ModelFacts& facts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PutCheckpoint(const StoreChange::Checkpoint& checkpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PutVersion(const StoreChange::Version& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status PutRequest(const StoredRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RequireModel(const std::string& uid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename... Bound>
  absl::Status Run(const char* sql, const Bound&... values) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  engine::Mutex mutex_;
  Sqlite database_ ABSL_GUARDED_BY(mutex_);
  std::map<const char*, SqliteStatement> statements_ ABSL_GUARDED_BY(mutex_);
  FactsWal wal_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FACTS_H_
