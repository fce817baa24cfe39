#include "client/lib/disk_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

// Opening a pipe would wait for its other end, and renaming onto a device would replace it.
absl::Status NotRegular(const std::string& path) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
}

// What is at `path`, links followed; nothing if that cannot be told, and errno says why.
std::optional<struct stat> Look(const std::string& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) return std::nullopt;
  return found;
}

}  // namespace

void CloseFile::operator()(FILE* file) const { std::fclose(file); }

absl::StatusOr<SourceFile> SourceFile::Open(const std::string& path) {
  const std::optional<struct stat> found = Look(path);
  if (!found) return absl::ErrnoToStatus(errno, path);
  if (!S_ISREG(found->st_mode)) return NotRegular(path);
  FileHandle file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return absl::ErrnoToStatus(errno, path);
  return SourceFile(path, std::move(file));
}

absl::StatusOr<size_t> SourceFile::Read(std::span<char> buffer) {
  const size_t read = std::fread(buffer.data(), 1, buffer.size(), file_.get());
  if (std::ferror(file_.get()) != 0) return absl::ErrnoToStatus(errno, path_);
  return read;
}

absl::Status SourceFile::Rewind() {
  if (std::fseek(file_.get(), 0, SEEK_SET) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, path_);
}

absl::StatusOr<std::unique_ptr<NewFile>> NewFile::Create(const std::string& path) {
  const std::optional<struct stat> found = Look(path);
  if (found && !S_ISREG(found->st_mode)) return NotRegular(path);
  std::error_code fault;
  const std::string target = found ? std::filesystem::canonical(path, fault).string() : path;
  if (fault) return absl::ErrnoToStatus(fault.value(), path);
  std::unique_ptr<NewFile> file(new NewFile(target));
  if (absl::Status status = file->Open(); !status.ok()) return status;
  if (found && fchmod(fileno(file->file_.get()), found->st_mode & 07777) != 0) {
    return file->Fault();
  }
  return file;
}

absl::Status NewFile::Open() {
  for (int i = 0; file_ == nullptr; ++i) {
    const std::string part = absl::StrCat(path_, ".", getpid(), "-", i, ".part");
    file_.reset(std::fopen(part.c_str(), "wbxe"));
    if (file_ != nullptr) part_ = part;
    if (file_ == nullptr && errno != EEXIST) return Fault();
  }
  return absl::OkStatus();
}

NewFile::~NewFile() {
  if (!part_.empty()) unlink(part_.c_str());
}

absl::Status NewFile::Write(absl::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) {
    return absl::OkStatus();
  }
  return Fault();
}

absl::Status NewFile::Commit() {
  if (std::fflush(file_.get()) != 0 || fsync(fileno(file_.get())) != 0) return Fault();
  if (std::rename(part_.c_str(), path_.c_str()) != 0) return Fault();
  part_.clear();
  return absl::OkStatus();
}

absl::Status NewFile::Fault() const { return absl::ErrnoToStatus(errno, path_); }

}  // namespace chainrule::client
