#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/file_system.h"

namespace chainrule::server {
namespace {

absl::Status Error(absl::string_view what, const std::string& path, int error) {
  const std::string message =
      absl::StrCat(what, " ", path, ": ", std::generic_category().message(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == ENOSPC || error == EDQUOT) return absl::ResourceExhaustedError(message);
  return absl::UnavailableError(message);
}

// What the disk does not give back.
absl::Status Lost(const std::string& path, int error) {
  return absl::DataLossError(Error("read", path, error).message());
}

absl::StatusOr<std::vector<std::string>> Names(const std::string& folder, bool files_only) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  std::vector<std::string> names;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (files_only && !entries->is_regular_file(error)) continue;
    names.push_back(entries->path().filename().string());
  }
  if (error) return Error("list", folder, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

// A file descriptor, closed with its owner.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  bool ok() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

class PosixWritableFile : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  absl::Status Append(absl::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = write(descriptor_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return Error("write", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
      size_ += written;
    }
    BeginWriteback();
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    if (fdatasync(descriptor_.get()) != 0) return Error("sync", path_, errno);
    begun_ = size_;
    return absl::OkStatus();
  }

 private:
  // The kernel lets much come together before it begins, and a Sync then waits for all of it.
  // Whether this goes well is for the Sync to say.
  void BeginWriteback() {
    constexpr int64_t kWorthIt = int64_t{2} << 20;
    if (size_ - begun_ < kWorthIt) return;
    sync_file_range(descriptor_.get(), begun_, size_ - begun_, SYNC_FILE_RANGE_WRITE);
    begun_ = size_;
  }

  const std::string path_;
  const Descriptor descriptor_;
  int64_t size_ = 0;
  int64_t begun_ = 0;  // up to here
};

class Posix : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    Descriptor descriptor(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (!descriptor.ok()) return Error("create", path, errno);
    return std::make_unique<PosixWritableFile>(path, std::move(descriptor));
  }

  absl::StatusOr<std::string> Read(const std::string& path, int64_t offset,
                                   int64_t length) override {
    const Descriptor descriptor(path, O_RDONLY);
    if (!descriptor.ok()) return Error("open", path, errno);
    std::string bytes(static_cast<size_t>(length), '\0');
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t got = pread(descriptor.get(), bytes.data() + done, bytes.size() - done,
                                offset + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EIO) return Lost(path, errno);
      if (got < 0) return Error("read", path, errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    bytes.resize(done);
    return bytes;
  }

  absl::StatusOr<int64_t> Size(const std::string& path) override {
    struct stat info;
    if (stat(path.c_str(), &info) != 0) return Error("look at", path, errno);
    return static_cast<int64_t>(info.st_size);
  }

  absl::Status Truncate(const std::string& path, int64_t size) override {
    const Descriptor descriptor(path, O_WRONLY);
    if (!descriptor.ok()) return Error("open", path, errno);
    if (ftruncate(descriptor.get(), size) != 0) return Error("cut", path, errno);
    if (fsync(descriptor.get()) != 0) return Error("sync", path, errno);
    return absl::OkStatus();
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (rename(from.c_str(), to.c_str()) != 0) return Error("rename", from, errno);
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    if (unlink(path.c_str()) != 0) return Error("remove", path, errno);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) override {
    return Names(folder, /*files_only=*/true);
  }

  absl::StatusOr<std::vector<std::string>> ListAll(const std::string& folder) override {
    return Names(folder, /*files_only=*/false);
  }

  absl::Status MakeFolder(const std::string& folder) override {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return Error("make folder", folder, error.value());
    return absl::OkStatus();
  }

  absl::Status SyncFolder(const std::string& folder) override {
    const Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY);
    if (!descriptor.ok()) return Error("open", folder, errno);
    if (fsync(descriptor.get()) != 0) return Error("sync", folder, errno);
    return absl::OkStatus();
  }
};

}  // namespace

FileSystem& PosixFileSystem() {
  static Posix* const posix = new Posix;
  return *posix;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

namespace {

absl::Status WriteAndSync(FileSystem& files, const std::string& path,
                          const std::vector<absl::string_view>& parts) {
  absl::StatusOr<std::unique_ptr<WritableFile>> file = files.Create(path);
  if (!file.ok()) return file.status();
  // Short parts are gathered: each write is a call of the kernel's.
  constexpr size_t kGathered = size_t{256} << 10;
  std::string gathered;
  for (absl::string_view part : parts) {
    if (gathered.size() + part.size() > kGathered) {
      if (absl::Status status = (*file)->Append(gathered); !status.ok()) return status;
      gathered.clear();
    }
    if (part.size() < kGathered) {
      gathered.append(part.data(), part.size());
    } else if (absl::Status status = (*file)->Append(part); !status.ok()) {
      return status;
    }
  }
  if (absl::Status status = (*file)->Append(gathered); !status.ok()) return status;
  return (*file)->Sync();
}

}  // namespace

absl::Status WriteFileAtomically(FileSystem& files, const std::string& path,
                                 const std::vector<absl::string_view>& parts) {
  const std::string temporary = path + ".part";
  absl::Status status = WriteAndSync(files, temporary, parts);
  if (status.ok()) status = files.Rename(temporary, path);
  if (status.ok()) return files.SyncFolder(FolderOf(path));
  files.Remove(temporary).IgnoreError();  // so that a full disk does not stay full
  return status;
}

}  // namespace chainrule::server
