// MemoryFileSystem: a FileSystem that fails when told to, and whose Crash drops what was
// not synced: appended bytes beyond a file's last Sync, and names beyond a folder's last
// SyncFolder. A Sync that failed is final: later ones of that file say OK and do nothing,
// while reading still shows the bytes, as a kernel's page cache does.
// Thread-safe.
#ifndef CHAINRULE_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_H_
#define CHAINRULE_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/core/mutex.h"
#include "server/store/file_system.h"

namespace chainrule::server {

class MemoryFileSystem : public FileSystem {
 public:
  // The operation (an Append, Sync, Create, Rename, …: all that change something)
  // counted from 1 that fails, and all after it; 0: none. An Append that fails has
  // written half of its bytes first.
  void FailFrom(int64_t operation, absl::StatusCode code = absl::StatusCode::kUnavailable);
  int64_t operations() const;
  // What a power loss leaves. `torn_bytes` of each file's unsynced part stay.
  void Crash(int64_t torn_bytes = 0);
  // A power loss that leaves the second half of each file's unsynced part, and zeros for
  // the first: pages reach a disk in any order.
  void CrashWithHole();
  // Turns one byte over.
  void Damage(const std::string& path, int64_t offset);

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override;
  absl::StatusOr<std::string> Read(const std::string& path, int64_t offset,
                                   int64_t length) override;
  absl::StatusOr<int64_t> Size(const std::string& path) override;
  absl::Status Truncate(const std::string& path, int64_t size) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) override;
  absl::StatusOr<std::vector<std::string>> ListAll(const std::string& folder) override;
  absl::Status MakeFolder(const std::string& folder) override;
  absl::Status SyncFolder(const std::string& folder) override;

 private:
  struct File {
    std::string bytes;
    size_t synced = 0;
    bool sync_failed = false;
  };
  class Handle;
  using Files = std::map<std::string, std::shared_ptr<File>>;

  absl::Status Operate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<File>> Find(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable engine::Mutex mutex_;
  Files files_ ABSL_GUARDED_BY(mutex_);
  Files synced_files_ ABSL_GUARDED_BY(mutex_);  // names as of their folders' last sync
  std::set<std::string> folders_ ABSL_GUARDED_BY(mutex_);
  int64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t fail_from_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::StatusCode fail_code_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kUnavailable;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_H_
