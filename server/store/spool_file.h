// SpoolFile: a file without a name, for what is needed as long as a call lasts: it is gone
// when its last user is, and when the process ends.  Written and read at places; what the
// page cache has of it costs no memory of the process.  It leaves some of the disk free: the
// log may be on the same one, and every model's changes fail when that has no room.
// Thread-safe.  UNAVAILABLE, STORAGE_FAILED: the disk is full but for what is kept free, or
// fails.
#ifndef CHAINRULE_SERVER_STORE_SPOOL_FILE_H_
#define CHAINRULE_SERVER_STORE_SPOOL_FILE_H_

#include <sys/uio.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

// Of a file system, in bytes.
struct DiskSpace {
  int64_t free = 0;   // to this process
  int64_t total = 0;  // 0: it does not say
};
// The seam to it: of the file system that an open file is on.
using LookAtDisk = std::function<DiskSpace(int descriptor)>;
DiskSpace SpaceOfDisk(int descriptor);

class SpoolFile {
 public:
  // What a spool leaves free, in bytes, on a disk of that size: a few of the log's segments, but
  // of a small disk no more than a tenth.
  static int64_t KeptFree(int64_t total_bytes);

  static absl::StatusOr<std::shared_ptr<const SpoolFile>> Create(const std::string& folder,
                                                                 LookAtDisk look = SpaceOfDisk);
  SpoolFile(int descriptor, LookAtDisk look) : descriptor_(descriptor), look_(std::move(look)) {}
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  // Looks at the disk each time, which is nothing beside a MiB, and much beside a few bytes.
  // Writes nothing if less than KeptFree would remain; on other failures a part.
  absl::Status Write(absl::string_view bytes, int64_t offset) const;
  // Fills the parts, whose lengths sum to `bytes`, with what begins at `offset`, if that needs
  // no disk. If it does, or is not known, false: the parts are not to be looked at, and the
  // disk was asked for them.
  bool ReadAtHand(std::span<const iovec> parts, int64_t bytes, int64_t offset) const;
  // Fills the parts, which it uses up; waits for the disk.
  absl::Status Read(std::span<iovec> parts, int64_t offset) const;

 private:
  absl::Status CheckRoom(int64_t bytes) const;

  const int descriptor_;
  const LookAtDisk look_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_SPOOL_FILE_H_
