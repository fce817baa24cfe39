#include "tests/support/memory_file_system.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace chainrule::server {

using engine::MutexLock;

MemoryFileSystem::MemoryFileSystem() : vfs_(this) {}
MemoryFileSystem::~MemoryFileSystem() = default;

absl::Status MemoryFileSystem::OpenFile::Append(absl::string_view bytes) {
  return WriteAt(size(), bytes);
}

absl::Status MemoryFileSystem::OpenFile::WriteAt(int64_t offset, absl::string_view bytes) {
  MutexLock lock(&files_->mutex_);
  const absl::Status status = files_->Operate();
  if (!status.ok()) bytes = bytes.substr(0, bytes.size() / 2);
  Write(file_.get(), static_cast<size_t>(offset), bytes);
  return status;
}

absl::Status MemoryFileSystem::OpenFile::Sync() {
  MutexLock lock(&files_->mutex_);
  return files_->Sync(file_.get());
}

// It may, or may not, be found cut after a power loss: SQLite depends on neither.
absl::Status MemoryFileSystem::OpenFile::Truncate(int64_t size) {
  MutexLock lock(&files_->mutex_);
  if (absl::Status status = files_->Operate(); !status.ok()) return status;
  file_->bytes.resize(static_cast<size_t>(size));
  return absl::OkStatus();
}

std::string MemoryFileSystem::OpenFile::Read(int64_t offset, int64_t length) const {
  MutexLock lock(&files_->mutex_);
  if (offset >= static_cast<int64_t>(file_->bytes.size())) return "";
  return file_->bytes.substr(static_cast<size_t>(offset), static_cast<size_t>(length));
}

int64_t MemoryFileSystem::OpenFile::size() const {
  MutexLock lock(&files_->mutex_);
  return static_cast<int64_t>(file_->bytes.size());
}

void MemoryFileSystem::Write(File* file, size_t offset, absl::string_view bytes) {
  const size_t end = offset + bytes.size();
  if (offset < file->bytes.size()) ++file->written_over;
  if (file->bytes.size() < end) file->bytes.resize(end);
  file->bytes.replace(offset, bytes.size(), bytes.data(), bytes.size());
  file->unsynced.emplace_back(offset, end);
}

absl::Status MemoryFileSystem::Sync(File* file) {
  const absl::Status status = Operate();
  status.ok() ? BringToDisk(file) : file->unsynced.clear();
  return status;
}

void MemoryFileSystem::BringToDisk(File* file) {
  for (const auto& [begin, written_end] : std::exchange(file->unsynced, {})) {
    const size_t end = std::min(written_end, file->bytes.size());  // it may have been cut
    if (begin >= end) continue;
    if (file->synced.size() < end) file->synced.resize(end);
    file->synced.replace(begin, end - begin, file->bytes, begin, end - begin);
  }
  file->synced.resize(std::min(file->synced.size(), file->bytes.size()));
}

void MemoryFileSystem::FailFrom(int64_t operation, absl::StatusCode code) {
  MutexLock lock(&mutex_);
  fail_from_ = operation;
  fail_until_ = std::numeric_limits<int64_t>::max();
  fail_code_ = code;
}

void MemoryFileSystem::FailAt(int64_t operation, absl::StatusCode code) {
  MutexLock lock(&mutex_);
  fail_from_ = operation;
  fail_until_ = operation + 1;
  fail_code_ = code;
}

int64_t MemoryFileSystem::operations() const {
  MutexLock lock(&mutex_);
  return operations_;
}

int64_t MemoryFileSystem::written_over(const std::string& path) const {
  MutexLock lock(&mutex_);
  return files_.at(path)->written_over;
}

void MemoryFileSystem::LosePower() {
  files_ = synced_files_;
  fail_from_ = 0;
}

void MemoryFileSystem::Crash(int64_t torn_bytes) {
  MutexLock lock(&mutex_);
  LosePower();
  for (auto& [path, file] : files_) {
    const size_t begin = std::min(file->synced.size(), file->bytes.size());
    file->synced.append(file->bytes, begin, static_cast<size_t>(torn_bytes));
    file->bytes = file->synced;
    file->unsynced.clear();
  }
}

void MemoryFileSystem::CrashWithHole() {
  MutexLock lock(&mutex_);
  LosePower();
  for (auto& [path, file] : files_) {
    const size_t begin = std::min(file->synced.size(), file->bytes.size());
    const size_t lost = (file->bytes.size() - begin) / 2;
    std::fill_n(file->bytes.begin() + static_cast<std::ptrdiff_t>(begin), lost, '\0');
    file->synced = file->bytes;
    file->unsynced.clear();
  }
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
  return std::make_unique<OpenFile>(this, std::move(file));
}

absl::StatusOr<std::unique_ptr<MemoryFileSystem::OpenFile>> MemoryFileSystem::Open(
    const std::string& path, bool make) {
  MutexLock lock(&mutex_);
  absl::StatusOr<std::shared_ptr<File>> file = Find(path);
  if (absl::IsNotFound(file.status()) && make) {
    if (absl::Status status = Operate(); !status.ok()) return status;
    file = files_[path] = std::make_shared<File>();
  }
  if (!file.ok()) return file.status();
  return std::make_unique<OpenFile>(this, *std::move(file));
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
  BringToDisk(file->get());
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
  const bool fails = fail_from_ > 0 && operations_ >= fail_from_ && operations_ < fail_until_;
  if (!fails) return absl::OkStatus();
  return absl::Status(fail_code_, absl::StrCat("operation ", operations_, " fails"));
}

absl::StatusOr<std::shared_ptr<MemoryFileSystem::File>> MemoryFileSystem::Find(
    const std::string& path) {
  const auto found = files_.find(path);
  if (found == files_.end()) return absl::NotFoundError(path);
  return found->second;
}

}  // namespace chainrule::server
