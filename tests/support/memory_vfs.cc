#include "tests/support/memory_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/memory_file_system.h"

namespace chainrule::server {
namespace {

constexpr int kLongestPath = 1024;
constexpr int kSectorBytes = 4096;

MemoryFileSystem* FilesOf(sqlite3_vfs* vfs) {
  return static_cast<MemoryFileSystem*>(vfs->pAppData);
}

int CodeOf(const absl::Status& status, int failed) {
  if (status.ok()) return SQLITE_OK;
  return absl::IsResourceExhausted(status) ? SQLITE_FULL : failed;
}

// An open file, in the memory that SQLite gives for it.
struct VfsFile : sqlite3_file {
  MemoryFileSystem* files = nullptr;
  std::unique_ptr<MemoryFileSystem::OpenFile> file;
  std::string folder;  // to be synced with the first sync of a file that was made; else empty
};

VfsFile* As(sqlite3_file* file) { return static_cast<VfsFile*>(file); }

int Close(sqlite3_file* file) {
  As(file)->~VfsFile();
  return SQLITE_OK;
}

int Read(sqlite3_file* file, void* to, int length, sqlite3_int64 offset) {
  const std::string bytes = As(file)->file->Read(offset, length);
  std::memset(to, 0, static_cast<size_t>(length));
  std::memcpy(to, bytes.data(), bytes.size());
  return static_cast<int>(bytes.size()) == length ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int Write(sqlite3_file* file, const void* from, int length, sqlite3_int64 offset) {
  const absl::string_view bytes(static_cast<const char*>(from), static_cast<size_t>(length));
  return CodeOf(As(file)->file->WriteAt(offset, bytes), SQLITE_IOERR_WRITE);
}

int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return CodeOf(As(file)->file->Truncate(size), SQLITE_IOERR_TRUNCATE);
}

int Sync(sqlite3_file* file, int /*flags*/) {
  VfsFile* const synced = As(file);
  if (absl::Status status = synced->file->Sync(); !status.ok()) return SQLITE_IOERR_FSYNC;
  if (synced->folder.empty()) return SQLITE_OK;
  const absl::Status status = synced->files->SyncFolder(std::exchange(synced->folder, ""));
  return CodeOf(status, SQLITE_IOERR_DIR_FSYNC);
}

int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = As(file)->file->size();
  return SQLITE_OK;
}

int Lock(sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; }

int CheckReservedLock(sqlite3_file* /*file*/, int* reserved) {
  *reserved = 0;
  return SQLITE_OK;
}

int FileControl(sqlite3_file* /*file*/, int /*operation*/, void* /*argument*/) {
  return SQLITE_NOTFOUND;
}

int SectorSize(sqlite3_file* /*file*/) { return kSectorBytes; }

int DeviceCharacteristics(sqlite3_file* /*file*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods made = {};
    made.iVersion = 1;
    made.xClose = Close;
    made.xRead = Read;
    made.xWrite = Write;
    made.xTruncate = Truncate;
    made.xSync = Sync;
    made.xFileSize = FileSize;
    made.xLock = Lock;
    made.xUnlock = Lock;
    made.xCheckReservedLock = CheckReservedLock;
    made.xFileControl = FileControl;
    made.xSectorSize = SectorSize;
    made.xDeviceCharacteristics = DeviceCharacteristics;
    return made;
  }();
  return &methods;
}

// A file without a name is a temporary one: ours need none.
int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  file->pMethods = nullptr;
  if (path == nullptr) return SQLITE_CANTOPEN;
  MemoryFileSystem* const files = FilesOf(vfs);
  const bool is_there = files->Size(path).ok();
  auto opened = files->Open(path, (flags & SQLITE_OPEN_CREATE) != 0);
  if (!opened.ok()) return CodeOf(opened.status(), SQLITE_CANTOPEN);
  auto* const made = new (file) VfsFile;
  made->pMethods = Methods();
  made->files = files;
  made->file = *std::move(opened);
  if (!is_there) made->folder = FolderOf(path);
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int Delete(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  MemoryFileSystem* const files = FilesOf(vfs);
  const absl::Status status = files->Remove(path);
  if (absl::IsNotFound(status)) return SQLITE_IOERR_DELETE_NOENT;
  if (!status.ok()) return CodeOf(status, SQLITE_IOERR_DELETE);
  if (sync_folder == 0) return SQLITE_OK;
  return CodeOf(files->SyncFolder(FolderOf(path)), SQLITE_IOERR_DIR_FSYNC);
}

// An empty journal is none, as on a disk.
int Access(sqlite3_vfs* vfs, const char* path, int flags, int* answer) {
  const absl::StatusOr<int64_t> size = FilesOf(vfs)->Size(path);
  *answer = size.ok() && (flags != SQLITE_ACCESS_EXISTS || *size > 0) ? 1 : 0;
  return SQLITE_OK;
}

int FullPathname(sqlite3_vfs* /*vfs*/, const char* path, int length, char* full) {
  sqlite3_snprintf(length, full, "%s", path);
  return SQLITE_OK;
}

int LastError(sqlite3_vfs* /*vfs*/, int /*length*/, char* /*text*/) { return SQLITE_OK; }

}  // namespace

// Time, sleep and randomness are the disk's own.
class MemoryVfs::Impl {
 public:
  explicit Impl(MemoryFileSystem* files)
      : name_(absl::StrCat("memory-", reinterpret_cast<uintptr_t>(files))),
        vfs_(*sqlite3_vfs_find(nullptr)) {
    vfs_.iVersion = 1;
    vfs_.szOsFile = sizeof(VfsFile);
    vfs_.mxPathname = kLongestPath;
    vfs_.pNext = nullptr;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = files;
    vfs_.xOpen = Open;
    vfs_.xDelete = Delete;
    vfs_.xAccess = Access;
    vfs_.xFullPathname = FullPathname;
    vfs_.xGetLastError = LastError;
    sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
  }
  ~Impl() { sqlite3_vfs_unregister(&vfs_); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  const char* name() const { return name_.c_str(); }

 private:
  const std::string name_;
  sqlite3_vfs vfs_;
};

MemoryVfs::MemoryVfs(MemoryFileSystem* files) : impl_(std::make_unique<Impl>(files)) {}
MemoryVfs::~MemoryVfs() = default;
const char* MemoryVfs::name() const { return impl_->name(); }

}  // namespace chainrule::server
