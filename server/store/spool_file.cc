#include "server/store/spool_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/store/errors.h"

namespace chainrule::server {
namespace {

absl::Status Failed(absl::string_view what, int error) {
  return StorageFailed(
      absl::StrCat("the spool of this call: ", what, ": ", std::generic_category().message(error)));
}

// Not every file system has files without a name from the start.
int OpenNameless(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor >= 0) return descriptor;
  std::string name = folder + "/spool-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

// Without the first `bytes`.
std::span<iovec> Rest(std::span<iovec> parts, size_t bytes) {
  while (!parts.empty() && bytes >= parts.front().iov_len) {
    bytes -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (bytes == 0) return parts;
  parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + bytes;
  parts.front().iov_len -= bytes;
  return parts;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SpoolFile>> SpoolFile::Create(const std::string& folder) {
  const int descriptor = OpenNameless(folder);
  if (descriptor < 0) return Failed(absl::StrCat("open in ", folder), errno);
  // Rows are read in any order: what nobody asked for is not worth reading.
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
  return std::make_shared<const SpoolFile>(descriptor);
}

SpoolFile::~SpoolFile() { close(descriptor_); }

absl::Status SpoolFile::Write(absl::string_view bytes, int64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(descriptor_, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("write; nothing was learned", errno);
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

bool SpoolFile::ReadAtHand(std::span<const iovec> parts, int64_t bytes, int64_t offset) const {
  const ssize_t count =
      preadv2(descriptor_, parts.data(), static_cast<int>(parts.size()), offset, RWF_NOWAIT);
  if (count == bytes) return true;
  posix_fadvise(descriptor_, offset, bytes, POSIX_FADV_WILLNEED);
  return false;
}

absl::Status SpoolFile::Read(std::span<iovec> parts, int64_t offset) const {
  while (!parts.empty()) {
    const ssize_t count = preadv(descriptor_, parts.data(), static_cast<int>(parts.size()), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("read", errno);
    if (count == 0) return StorageFailed("the spool of this call: read: it ends too early");
    offset += count;
    parts = Rest(parts, static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace chainrule::server
