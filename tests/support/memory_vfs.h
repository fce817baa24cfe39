// MemoryVfs: SQLite's way to a MemoryFileSystem (https://www.sqlite.org/vfs.html), as its own
// to a disk: whatever it writes, syncs and removes is an operation there, and fails as told.
// For databases of one connection that locks them for itself.
// Thread-safe, as the file system is.
#ifndef CHAINRULE_TESTS_SUPPORT_MEMORY_VFS_H_
#define CHAINRULE_TESTS_SUPPORT_MEMORY_VFS_H_

#include <memory>

namespace chainrule::server {

class MemoryFileSystem;

class MemoryVfs {
 public:
  // SQLite knows it while it lives. `files` outlives all databases opened by it.
  explicit MemoryVfs(MemoryFileSystem* files);
  ~MemoryVfs();
  MemoryVfs(const MemoryVfs&) = delete;
  MemoryVfs& operator=(const MemoryVfs&) = delete;

  const char* name() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SUPPORT_MEMORY_VFS_H_
