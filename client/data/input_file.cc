#include "client/data/input_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

constexpr unsigned kBufferBytes = 256 << 10;  // zlib's own 8 KiB would mean a call every 8 KiB

}  // namespace

void InputFile::Close::operator()(gzFile_s* file) const { gzclose_r(file); }

absl::StatusOr<InputFile> InputFile::Open(absl::string_view path) {
  errno = 0;
  gzFile_s* file = gzopen(std::string(path).c_str(), "rb");
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno == 0 ? ENOMEM : errno, path);
  }
  gzbuffer(file, kBufferBytes);
  return InputFile(path, file);
}

absl::StatusOr<size_t> InputFile::Read(std::span<char> buffer) {
  constexpr size_t kMost = std::numeric_limits<int>::max();
  errno = 0;
  const int read =
      gzread(file_.get(), buffer.data(), static_cast<unsigned>(std::min(buffer.size(), kMost)));
  int code = Z_OK;
  gzerror(file_.get(), &code);
  // gzip that is cut short gives its last bytes first and sets Z_BUF_ERROR beside them.
  if (read < 0 || code == Z_BUF_ERROR) return ReadFault();
  return static_cast<size_t>(read);
}

absl::Status InputFile::ReadFault() const {
  int code = Z_OK;
  const char* text = gzerror(file_.get(), &code);
  if (code == Z_ERRNO) return absl::ErrnoToStatus(errno, path_);
  if (code == Z_BUF_ERROR) return absl::DataLossError(absl::StrCat(path_, ": gzip is cut short"));
  return absl::DataLossError(absl::StrCat(path_, ": damaged gzip: ", text));
}

}  // namespace chainrule::client
