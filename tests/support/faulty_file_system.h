// FaultyFileSystem: the real one, whose writing fails when it is told to, as on a disk that
// is full or was made read-only, and one of whose sectors cannot be read.
// Thread-safe.
#ifndef CHAINRULE_TESTS_SUPPORT_FAULTY_FILE_SYSTEM_H_
#define CHAINRULE_TESTS_SUPPORT_FAULTY_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/mutex.h"
#include "server/store/file_system.h"

namespace chainrule::server {

class FaultyFileSystem : public FileSystem {
 public:
  // From now on whatever writes answers `why`; OK: it works again.
  void Fail(absl::Status why) {
    engine::MutexLock lock(&mutex_);
    fault_ = std::move(why);
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    if (absl::Status status = fault(); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<WritableFile>> file = real_.Create(path);
    if (!file.ok()) return file.status();
    return std::make_unique<File>(this, *std::move(file));
  }
  // The sector that holds this byte is not read back any more.
  void LoseSector(const std::string& path, int64_t offset) {
    engine::MutexLock lock(&mutex_);
    lost_path_ = path;
    lost_sector_ = offset / kSectorBytes;
  }
  absl::StatusOr<std::string> Read(const std::string& path, int64_t offset,
                                   int64_t length) override {
    if (IsLost(path, offset, length)) return absl::DataLossError("read " + path + ": I/O error");
    return real_.Read(path, offset, length);
  }
  absl::StatusOr<int64_t> Size(const std::string& path) override { return real_.Size(path); }
  absl::Status Truncate(const std::string& path, int64_t size) override {
    return fault().ok() ? real_.Truncate(path, size) : fault();
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return fault().ok() ? real_.Rename(from, to) : fault();
  }
  absl::Status Remove(const std::string& path) override {
    return fault().ok() ? real_.Remove(path) : fault();
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& folder) override {
    return real_.List(folder);
  }
  absl::StatusOr<std::vector<std::string>> ListAll(const std::string& folder) override {
    return real_.ListAll(folder);
  }
  absl::Status MakeFolder(const std::string& folder) override {
    return fault().ok() ? real_.MakeFolder(folder) : fault();
  }
  absl::Status SyncFolder(const std::string& folder) override {
    return fault().ok() ? real_.SyncFolder(folder) : fault();
  }

 private:
  class File : public WritableFile {
   public:
    File(FaultyFileSystem* files, std::unique_ptr<WritableFile> file)
        : files_(files), file_(std::move(file)) {}
    absl::Status Append(absl::string_view bytes) override {
      const absl::Status fault = files_->fault();
      if (fault.ok()) return file_->Append(bytes);
      file_->Append(bytes.substr(0, bytes.size() / 2)).IgnoreError();
      return fault;
    }
    absl::Status Sync() override { return files_->fault().ok() ? file_->Sync() : files_->fault(); }

   private:
    FaultyFileSystem* const files_;
    const std::unique_ptr<WritableFile> file_;
  };

  bool IsLost(const std::string& path, int64_t offset, int64_t length) const {
    engine::MutexLock lock(&mutex_);
    const int64_t begin = lost_sector_ * kSectorBytes;
    return path == lost_path_ && offset < begin + kSectorBytes && offset + length > begin;
  }
  // Each a status of its own: what shares one is counted where the thread sanitizer does
  // not look.
  absl::Status fault() const {
    engine::MutexLock lock(&mutex_);
    return absl::Status(fault_.code(), fault_.message());
  }

  static constexpr int64_t kSectorBytes = 4096;

  FileSystem& real_ = PosixFileSystem();
  mutable engine::Mutex mutex_;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_);
  std::string lost_path_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_sector_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SUPPORT_FAULTY_FILE_SYSTEM_H_
