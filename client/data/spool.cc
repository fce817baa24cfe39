#include "client/data/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

constexpr size_t kBlockBytes = 256 << 10;
constexpr absl::string_view kStandardInput = "-";

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

absl::Status Fault(int code, absl::string_view what) {
  return absl::ErrnoToStatus(code == 0 ? EIO : code, what);
}

// The copies by the path of what they are of. Never destroyed: the process's end closes them.
std::map<std::string, File>& Copies() {
  static auto& copies = *new std::map<std::string, File>;
  return copies;
}

// Of standard input a second descriptor, so that it stays open.
absl::StatusOr<File> OpenOnce(const std::string& path) {
  errno = 0;
  File file(path == kStandardInput
                ? fdopen(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "rb")
                : std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return Fault(errno == 0 ? ENOMEM : errno, path);
  return file;
}

bool GivesItsBytesOnce(const std::string& path, std::FILE* file) {
  struct stat found = {};
  if (path == kStandardInput) return true;
  return fstat(fileno(file), &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
}

// `path` is what the file will hold.
absl::StatusOr<File> MakeNameless(const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error) return Fault(error.value(), absl::StrCat(path, ": the temporary folder"));
  std::string name = folder / "chainrule-XXXXXX";
  const int descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor < 0) return Fault(errno, absl::StrCat(path, ": a copy in ", folder.string()));
  unlink(name.c_str());
  File file(fdopen(descriptor, "w+b"));
  if (file == nullptr) return Fault(errno, path);
  return file;
}

absl::StatusOr<File> Copy(const std::string& path, std::FILE* from) {
  absl::StatusOr<File> to = MakeNameless(path);
  if (!to.ok()) return to;
  std::array<char, kBlockBytes> block;
  bool is_written = true;
  errno = 0;
  while (is_written && std::feof(from) == 0 && std::ferror(from) == 0) {
    const size_t size = std::fread(block.data(), 1, block.size(), from);
    is_written = std::fwrite(block.data(), 1, size, to->get()) == size;
  }
  if (std::ferror(from) != 0) return Fault(errno, path);
  if (is_written && std::fflush(to->get()) == 0) return to;
  return Fault(errno, absl::StrCat(path, ": a copy in the temporary folder"));
}

// By way of /proc, so that every opening has a position of its own.
absl::StatusOr<std::FILE*> Reopen(const std::string& path, std::FILE* copy) {
  errno = 0;
  std::FILE* file = std::fopen(absl::StrCat("/proc/self/fd/", fileno(copy)).c_str(), "rbe");
  if (file == nullptr) return Fault(errno, path);
  return file;
}

}  // namespace

absl::StatusOr<std::FILE*> OpenAgainAndAgain(absl::string_view path) {
  const std::string name(path);
  const auto found = Copies().find(name);
  if (found != Copies().end()) return Reopen(name, found->second.get());
  absl::StatusOr<File> file = OpenOnce(name);
  if (!file.ok()) return file.status();
  if (!GivesItsBytesOnce(name, file->get())) return file->release();
  absl::StatusOr<File> copy = Copy(name, file->get());
  if (!copy.ok()) return copy.status();
  return Reopen(name, Copies().emplace(name, *std::move(copy)).first->second.get());
}

}  // namespace chainrule::client
