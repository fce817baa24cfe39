// FileSystem: the seam to the disk.  PosixFileSystem is the real one; the tests have a
// twin that fails when told to and drops what was not synced.
//
// All methods answer absl::Status with the path and errno's text: NOT_FOUND (ENOENT),
// RESOURCE_EXHAUSTED (ENOSPC, EDQUOT), DATA_LOSS (EIO of Read), else UNAVAILABLE.  Thread-safe; a
// file object is thread-compatible.
#ifndef CHAINRULE_SERVER_STORE_FILE_SYSTEM_H_
#define CHAINRULE_SERVER_STORE_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

// A file being written, from its beginning on. Closed when destroyed.
class WritableFile {
 public:
  virtual ~WritableFile() = default;
  // On failure any part of `bytes` may have been written.
  virtual absl::Status Append(absl::string_view bytes) = 0;
  // What was appended is on the disk when this returns OK. After a failure the file is
  // not to be used again: what a failed sync left behind, the next one does not tell.
  virtual absl::Status Sync() = 0;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // Makes an empty file; one of that name is emptied.
  virtual absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) = 0;
  // `length` bytes from `offset`, fewer only at the file's end.
  virtual absl::StatusOr<std::string> Read(const std::string& path, int64_t offset,
                                           int64_t length) = 0;
  virtual absl::StatusOr<int64_t> Size(const std::string& path) = 0;
  // Cuts a file to `size` and syncs it.
  virtual absl::Status Truncate(const std::string& path, int64_t size) = 0;
  // Atomic; replaces `to`. Durable once the folder is synced.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // Names (not paths) of the files in a folder, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& folder) = 0;
  // The same of all that is in it, whatever it is.
  virtual absl::StatusOr<std::vector<std::string>> ListAll(const std::string& folder) = 0;
  // Makes a folder and its parents; OK if it is there.
  virtual absl::Status MakeFolder(const std::string& folder) = 0;
  // Creations, renames and removals in the folder are on the disk when this returns OK.
  virtual absl::Status SyncFolder(const std::string& folder) = 0;
  // The name of SQLite's VFS for databases on this file system; null: SQLite's own, of the disk.
  virtual const char* sqlite_vfs() const { return nullptr; }
};

FileSystem& PosixFileSystem();

// Writes a whole file so that after a crash there is the old one or the new one: a
// temporary beside it (path + ".part"), synced, renamed, and the folder synced.
absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 const std::vector<absl::string_view>& parts);

// The folder that holds `path`.
std::string FolderOf(const std::string& path);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_FILE_SYSTEM_H_
