// Files on disk that are read twice, or written whole or not at all.
#ifndef CHAINRULE_CLIENT_LIB_DISK_FILE_H_
#define CHAINRULE_CLIENT_LIB_DISK_FILE_H_

#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::client {

struct CloseFile {
  void operator()(FILE* file) const;
};
using FileHandle = std::unique_ptr<FILE, CloseFile>;

// SourceFile: a regular file's bytes as they are, from front to back, and again.
// Thread-compatible. Failures name the file: NOT_FOUND, PERMISSION_DENIED and the like;
// INVALID_ARGUMENT: a folder, a pipe or a device.
class SourceFile {
 public:
  static absl::StatusOr<SourceFile> Open(const std::string& path);

  // Fills the front of `buffer` and returns how many bytes; fewer than asked only at the
  // end of the file, 0 after it.
  absl::StatusOr<size_t> Read(std::span<char> buffer);
  // Back to the first byte.
  absl::Status Rewind();

  const std::string& path() const { return path_; }

 private:
  SourceFile(std::string path, FileHandle file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  FileHandle file_;
};

// NewFile: a file in the making, under a name of its own beside `path`, which ends in
// `.part`. Commit gives it the name `path`; without that it goes with the object, and what
// was at `path` stays. Only a process that is killed leaves the `.part`.
// Thread-compatible. Failures name `path`, as SourceFile's.
class NewFile {
 public:
  // Where `path` is a link, the file that it leads to will be replaced; it keeps its mode.
  static absl::StatusOr<std::unique_ptr<NewFile>> Create(const std::string& path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  absl::Status Write(absl::string_view bytes);
  // Once, after the last Write: on disk, then in place.
  absl::Status Commit();

  const std::string& path() const { return path_; }

 private:
  explicit NewFile(std::string path) : path_(std::move(path)) {}
  absl::Status Open();
  absl::Status Fault() const;

  const std::string path_;
  std::string part_;  // empty: there is none
  FileHandle file_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_LIB_DISK_FILE_H_
