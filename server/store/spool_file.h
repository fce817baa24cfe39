// SpoolFile: a file without a name, for what is needed as long as a call lasts: it is gone
// when its last user is, and when the process ends.  Written and read at places; what the
// page cache has of it costs no memory of the process.
// Thread-safe.  UNAVAILABLE, STORAGE_FAILED: the disk is full, or fails.
#ifndef CHAINRULE_SERVER_STORE_SPOOL_FILE_H_
#define CHAINRULE_SERVER_STORE_SPOOL_FILE_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chainrule::server {

class SpoolFile {
 public:
  static absl::StatusOr<std::shared_ptr<const SpoolFile>> Create(const std::string& folder);
  explicit SpoolFile(int descriptor) : descriptor_(descriptor) {}
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  absl::Status Write(absl::string_view bytes, int64_t offset) const;
  // Fills the parts, whose lengths sum to `bytes`, with what begins at `offset`, if that needs
  // no disk. If it does, or is not known, false: the parts are not to be looked at, and the
  // disk was asked for them.
  bool ReadAtHand(std::span<const iovec> parts, int64_t bytes, int64_t offset) const;
  // Fills the parts, which it uses up; waits for the disk.
  absl::Status Read(std::span<iovec> parts, int64_t offset) const;

 private:
  const int descriptor_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_SPOOL_FILE_H_
