#include "tests/support/memory_file_system.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chainrule::server {

using engine::MutexLock;

class MemoryFileSystem::Handle : public WritableFile {
 public:
  Handle(MemoryFileSystem* files, std::shared_ptr<File> file)
      : files_(files), file_(std::move(file)) {}

  absl::Status Append(absl::string_view bytes) override {
    MutexLock lock(&files_->mutex_);
    const absl::Status status = files_->Operate();
    if (!status.ok()) bytes = bytes.substr(0, bytes.size() / 2);
    file_->bytes.append(bytes.data(), bytes.size());
    return status;
  }

  absl::Status Sync() override {
    MutexLock lock(&files_->mutex_);
    const absl::Status status = files_->Operate();
    if (!status.ok()) file_->sync_failed = true;
    if (!file_->sync_failed) file_->synced = file_->bytes.size();
    return status;
  }

 private:
  MemoryFileSystem* const files_;
  const std::shared_ptr<File> file_;
};

void MemoryFileSystem::FailFrom(int64_t operation, absl::StatusCode code) {
  MutexLock lock(&mutex_);
  fail_from_ = operation;
  fail_code_ = code;
}

int64_t MemoryFileSystem::operations() const {
  MutexLock lock(&mutex_);
  return operations_;
}

void MemoryFileSystem::Crash(int64_t torn_bytes) {
  MutexLock lock(&mutex_);
  files_ = synced_files_;
  for (auto& [path, file] : files_) {
    const size_t kept = file->synced + static_cast<size_t>(torn_bytes);
    file->bytes.resize(std::min(file->bytes.size(), kept));
    file->synced = file->bytes.size();
    file->sync_failed = false;
  }
  fail_from_ = 0;
}

void MemoryFileSystem::CrashWithHole() {
  MutexLock lock(&mutex_);
  files_ = synced_files_;
  for (auto& [path, file] : files_) {
    const size_t lost = (file->bytes.size() - file->synced) / 2;
    std::fill_n(file->bytes.begin() + static_cast<std::ptrdiff_t>(file->synced), lost, '\0');
    file->synced = file->bytes.size();
    file->sync_failed = false;
  }
  fail_from_ = 0;
}

void MemoryFileSystem::Damage(const std::string& path, int64_t offset) {
  MutexLock lock(&mutex_);
  files_.at(path)->bytes.at(static_cast<size_t>(offset)) ^= 0x20;
}

absl::StatusOr<std::unique_ptr<WritableFile>> MemoryFileSystem::Create(const std::string& path) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Operate(); !status.ok()) return status;
  auto file = std::make_shared<File>();
  files_[path] = file;
  return std::make_unique<Handle>(this, std::move(file));
}

absl::StatusOr<std::string> MemoryFileSystem::Read(const std::string& path, int64_t offset,
                                                   int64_t length) {
  MutexLock lock(&mutex_);
  absl::StatusOr<std::shared_ptr<File>> file = Find(path);
  if (!file.ok()) return file.status();
  const std::string& bytes = (*file)->bytes;
  if (offset > static_cast<int64_t>(bytes.size())) return std::string();
  return bytes.substr(static_cast<size_t>(offset), static_cast<size_t>(length));
}

absl::StatusOr<int64_t> MemoryFileSystem::Size(const std::string& path) {
  MutexLock lock(&mutex_);
  absl::StatusOr<std::shared_ptr<File>> file = Find(path);
  if (!file.ok()) return file.status();
  return static_cast<int64_t>((*file)->bytes.size());
}

absl::Status MemoryFileSystem::Truncate(const std::string& path, int64_t size) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Operate(); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<File>> file = Find(path);
  if (!file.ok()) return file.status();
  (*file)->bytes.resize(static_cast<size_t>(size));
  if (!(*file)->sync_failed) (*file)->synced = (*file)->bytes.size();
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Rename(const std::string& from, const std::string& to) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Operate(); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<File>> file = Find(from);
  if (!file.ok()) return file.status();
  files_[to] = *std::move(file);
  files_.erase(from);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Remove(const std::string& path) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Operate(); !status.ok()) return status;
  if (absl::StatusOr<std::shared_ptr<File>> file = Find(path); !file.ok()) return file.status();
  files_.erase(path);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::List(const std::string& folder) {
  MutexLock lock(&mutex_);
  if (!folders_.contains(folder)) return absl::NotFoundError(folder);
  std::vector<std::string> names;
  for (const auto& [path, file] : files_) {
    if (FolderOf(path) == folder) names.push_back(path.substr(folder.size() + 1));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> MemoryFileSystem::ListAll(const std::string& folder) {
  absl::StatusOr<std::vector<std::string>> names = List(folder);
  if (!names.ok()) return names;
  MutexLock lock(&mutex_);
  for (const std::string& path : folders_) {
    if (FolderOf(path) == folder) names->push_back(path.substr(folder.size() + 1));
  }
  std::sort(names->begin(), names->end());
  return names;
}

absl::Status MemoryFileSystem::MakeFolder(const std::string& folder) {
  MutexLock lock(&mutex_);
  folders_.insert(folder);
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::SyncFolder(const std::string& folder) {
  MutexLock lock(&mutex_);
  if (absl::Status status = Operate(); !status.ok()) return status;
  std::erase_if(synced_files_, [&](const auto& entry) { return FolderOf(entry.first) == folder; });
  for (const auto& entry : files_) {
    if (FolderOf(entry.first) == folder) synced_files_.insert(entry);
  }
  return absl::OkStatus();
}

absl::Status MemoryFileSystem::Operate() {
  ++operations_;
  if (fail_from_ == 0 || operations_ < fail_from_) return absl::OkStatus();
  return absl::Status(fail_code_, absl::StrCat("operation ", operations_, " fails"));
}

absl::StatusOr<std::shared_ptr<MemoryFileSystem::File>> MemoryFileSystem::Find(
    const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end()) return absl::NotFoundError(path);
  return found->second;
}

}  // namespace chainrule::server
