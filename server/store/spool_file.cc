#include "server/store/spool_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/errors.h"

namespace chainrule::server {
namespace {

absl::Status Failed(absl::string_view what, int error) {
  return StorageFailed(
      absl::StrCat("the spool of this call: ", what, ": ", std::generic_category().message(error)));
}

// Four of the log's segments, as long as they are by default: what is written while their
// checkpoints are, and the checkpoints.
constexpr int64_t kKeptFree = int64_t{256} << 20;
constexpr int64_t kLargestPart = 10;

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

// Whether a disk that does not say is full is for the write to say.
DiskSpace SpaceOfDisk(int descriptor) {
  struct statvfs disk {};
  if (fstatvfs(descriptor, &disk) != 0) return {};
  return {static_cast<int64_t>(disk.f_bavail * disk.f_frsize),
          static_cast<int64_t>(disk.f_blocks * disk.f_frsize)};
}

int64_t SpoolFile::KeptFree(int64_t total_bytes) {
  return std::min(kKeptFree, total_bytes / kLargestPart);
}

absl::StatusOr<std::shared_ptr<const SpoolFile>> SpoolFile::Create(const std::string& folder,
                                                                   LookAtDisk look) {
  const int descriptor = OpenNameless(folder);
  if (descriptor < 0) return Failed(absl::StrCat("open in ", folder), errno);
  // Rows are read in any order: what nobody asked for is not worth reading.
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
  return std::make_shared<const SpoolFile>(descriptor, std::move(look));
}

SpoolFile::~SpoolFile() { close(descriptor_); }

absl::Status SpoolFile::CheckRoom(int64_t bytes) const {
  const DiskSpace disk = look_(descriptor_);
  const int64_t kept = KeptFree(disk.total);
  if (disk.total == 0 || disk.free - bytes >= kept) return absl::OkStatus();
  return StorageFailed(absl::StrCat("the spool of this call: ", disk.free,
                                    " bytes are free on its disk, and ", kept,
                                    " are kept free for the log; nothing was learned"));
}

absl::Status SpoolFile::Write(absl::string_view bytes, int64_t offset) const {
  absl::Status room = CheckRoom(static_cast<int64_t>(bytes.size()));
  if (!room.ok()) return room;
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
