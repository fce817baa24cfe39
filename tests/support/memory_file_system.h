// MemoryFileSystem: a FileSystem that fails when told to, and whose Crash drops what was
// not synced: bytes written after a file's last Sync, and names beyond a folder's last
// SyncFolder. What is written when a Sync fails is never synced, unless it is written again,
// while reading still shows it, as a kernel's page cache does.
// SQLite's databases live on it, too (sqlite_vfs).
// Thread-safe; a file object is thread-compatible.
#ifndef CHAINRULE_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_H_
#define CHAINRULE_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/mutex.h"
#include "server/store/file_system.h"
#include "tests/support/memory_vfs.h"

namespace chainrule::server {

class MemoryFileSystem : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  // The operation (an Append, Sync, Create, Rename, …: all that change something)
  // counted from 1 that fails, and all after it; 0: none. An Append that fails has
  // written half of its bytes first.
  void FailFrom(int64_t operation, absl::StatusCode code = absl::StatusCode::kUnavailable);
  // It alone.
  void FailAt(int64_t operation, absl::StatusCode code = absl::StatusCode::kUnavailable);
  int64_t operations() const;
  // How many writes began before a file's end.
  int64_t written_over(const std::string& path) const;
  // What a power loss leaves. `torn_bytes` of each file's unsynced end stay.
  void Crash(int64_t torn_bytes = 0);
  // A power loss that leaves what was written over and the second half of each file's
  // unsynced end, and zeros for the first: pages reach a disk in any order.
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
  const char* sqlite_vfs() const override { return vfs_.name(); }

  // A file that is written at any place, as a database is. It stays, when its name goes,
  // until it is closed.
  class OpenFile;
  // Makes an empty file if there is none and `make` says so.
  absl::StatusOr<std::unique_ptr<OpenFile>> Open(const std::string& path, bool make);

 private:
  struct File {
    int64_t written_over = 0;
    std::string bytes;                                // as it is read
    std::string synced;                               // as it is on the disk
    std::vector<std::pair<size_t, size_t>> unsynced;  // what was written since: begin, end
  };
  using Files = std::map<std::string, std::shared_ptr<File>>;

  static void Write(File* file, size_t offset, absl::string_view bytes);
  static void BringToDisk(File* file);
  absl::Status Sync(File* file) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Operate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::shared_ptr<File>> Find(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LosePower() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable engine::Mutex mutex_;
  Files files_ ABSL_GUARDED_BY(mutex_);
  Files synced_files_ ABSL_GUARDED_BY(mutex_);  // names as of their folders' last sync
  std::set<std::string> folders_ ABSL_GUARDED_BY(mutex_);
  int64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t fail_from_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t fail_until_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::StatusCode fail_code_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kUnavailable;
  MemoryVfs vfs_;
};

class MemoryFileSystem::OpenFile : public WritableFile {
 public:
  OpenFile(MemoryFileSystem* files, std::shared_ptr<File> file)
      : files_(files), file_(std::move(file)) {}

  absl::Status Append(absl::string_view bytes) override;
  absl::Status Sync() override;
  // On failure the first half is written. A gap is filled with zeros.
  absl::Status WriteAt(int64_t offset, absl::string_view bytes);
  absl::Status Truncate(int64_t size);
  // Fewer bytes at the file's end.
  std::string Read(int64_t offset, int64_t length) const;
  int64_t size() const;

 private:
  MemoryFileSystem* const files_;
  const std::shared_ptr<File> file_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SUPPORT_MEMORY_FILE_SYSTEM_H_
