#include "server/store/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace chainrule::server {
namespace {

constexpr absl::string_view kFormatName = "chainrule data ";
// 2: records of the log may hold gradients. 3: the log has segments of format 2, beside those
// of format 1 that an older server left.
constexpr int kFormatVersion = 3;

std::string FormatText() { return absl::StrCat(kFormatName, kFormatVersion, "\n"); }

// The version that the folder says, 0 if it says none; an error if it is not for this
// server.
absl::StatusOr<int> FormatOf(const std::string& path, FileSystem* files) {
  const std::string file = path + "/FORMAT";
  const absl::StatusOr<std::string> text = files->Read(file, 0, 64);
  if (absl::IsNotFound(text.status())) return 0;
  if (!text.ok()) return text.status();
  absl::string_view rest = absl::StripTrailingAsciiWhitespace(*text);
  int version = 0;
  if (!absl::ConsumePrefix(&rest, kFormatName) || !absl::SimpleAtoi(rest, &version) ||
      version < 1) {
    return absl::FailedPreconditionError(absl::StrCat(file, " is not that of a data folder"));
  }
  if (version > kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " was written by a newer server: its format is ", version,
                     ", this server knows ", kFormatVersion));
  }
  return version;
}

// What may be in a folder that is to become one: the beginnings of an opening that was cut
// short, and what a file system of its own begins with.
bool IsOfNoMatter(absl::string_view name) {
  return name == "LOCK" || name == "FORMAT.part" || name == "lost+found";
}

absl::Status CheckUnused(const std::string& path, FileSystem* files) {
  const absl::StatusOr<std::vector<std::string>> names = files->ListAll(path);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (IsOfNoMatter(name)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is no data folder, and not empty: it has '", name,
                     "' but no file FORMAT; name an empty folder, or one that is not there"));
  }
  return absl::OkStatus();
}

// With no slash at its end, before which FolderOf would look for the parent in vain.
std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// With the parents that are not there; the names of all that it made survive.
absl::Status MakeWithParents(const std::string& path, FileSystem* files) {
  std::vector<std::string> parents;
  std::string each = path;
  while (absl::IsNotFound(files->Size(each).status()) && FolderOf(each) != each) {
    each = WithoutSlash(FolderOf(each));
    parents.push_back(each);
  }
  absl::Status status = files->MakeFolder(path);
  for (const std::string& parent : parents) {
    if (status.ok()) status = files->SyncFolder(parent);
  }
  return status;
}

absl::Status MakeFolders(const DataFolder& folder, const std::string& path, FileSystem* files) {
  bool made = false;
  for (const std::string& each : {folder.weights(), folder.log(), folder.spool()}) {
    if (files->List(each).ok()) continue;
    if (absl::Status status = files->MakeFolder(each); !status.ok()) return status;
    made = true;
  }
  return made ? files->SyncFolder(path) : absl::OkStatus();
}

absl::Status EmptySpool(const std::string& spool, FileSystem* files) {
  absl::StatusOr<std::vector<std::string>> names = files->List(spool);
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (absl::Status status = files->Remove(absl::StrCat(spool, "/", name)); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

class DataFolder::Lock {
 public:
  explicit Lock(int descriptor) : descriptor_(descriptor) {}
  ~Lock() { close(descriptor_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  const int descriptor_;
};

DataFolder::DataFolder(std::string path, std::shared_ptr<Lock> lock)
    : path_(std::move(path)), lock_(std::move(lock)) {}

absl::StatusOr<std::shared_ptr<DataFolder::Lock>> DataFolder::Take(const std::string& path,
                                                                   bool exclusive) {
  const std::string file = path + "/LOCK";
  const int flags = exclusive ? O_RDWR | O_CREAT : O_RDONLY;
  const int descriptor = open(file.c_str(), flags | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return absl::UnavailableError(
        absl::StrCat("open ", file, ": ", std::generic_category().message(errno)));
  }
  auto lock = std::make_shared<Lock>(descriptor);
  if (flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is in use: another server has ", file, " locked"));
  }
  return absl::UnavailableError(
      absl::StrCat("lock ", file, ": ", std::generic_category().message(errno)));
}

absl::StatusOr<DataFolder> DataFolder::Open(std::string path, FileSystem* files) {
  path = WithoutSlash(std::move(path));
  const absl::StatusOr<int> format = FormatOf(path, files);
  if (!format.ok()) return format.status();
  if (*format == 0) {
    if (absl::Status status = CheckUnused(path, files); !status.ok()) return status;
    if (absl::Status status = MakeWithParents(path, files); !status.ok()) return status;
  }
  absl::StatusOr<std::shared_ptr<Lock>> lock = Take(path, /*exclusive=*/true);
  if (!lock.ok()) return lock.status();
  // What is written from now on may be in this format, which older servers do not know.
  if (*format < kFormatVersion) {
    const std::string text = FormatText();
    if (absl::Status status = WriteFileAtomically(*files, path + "/FORMAT", {text}); !status.ok()) {
      return status;
    }
  }
  DataFolder folder(path, *std::move(lock));
  if (absl::Status status = MakeFolders(folder, path, files); !status.ok()) return status;
  if (absl::Status status = EmptySpool(folder.spool(), files); !status.ok()) return status;
  return folder;
}

absl::StatusOr<DataFolder> DataFolder::OpenForCheck(std::string path, FileSystem* files) {
  path = WithoutSlash(std::move(path));
  const absl::StatusOr<int> format = FormatOf(path, files);
  if (!format.ok()) return format.status();
  if (*format == 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is no data folder: no file FORMAT"));
  }
  absl::StatusOr<std::shared_ptr<Lock>> lock = Take(path, /*exclusive=*/false);
  if (!lock.ok()) return lock.status();
  return DataFolder(path, *std::move(lock));
}

}  // namespace chainrule::server
