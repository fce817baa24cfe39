#include "client/data/input_file.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/data/spool.h"

namespace chainrule::client {
namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr int kGzipOnly = 15 + 16;  // zlib's windowBits: the largest window, a gzip header
constexpr unsigned char kMagic[] = {0x1F, 0x8B};

}  // namespace

// The bytes on disk, of which zlib's next_in and avail_in are those read but not yet used,
// also where the file is plain.
class InputFile::Stream {
 public:
  Stream(absl::string_view path, std::FILE* file)
      : path_(path), file_(file), buffer_(kBufferBytes) {
    z_.next_in = buffer_.data();
  }
  ~Stream() {
    inflateEnd(&z_);
    std::fclose(file_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::string& path() const { return path_; }

  // Finds out whether the file is gzip. Before the first ReadSome.
  absl::Status Begin() {
    const absl::StatusOr<bool> is_gzip = StartsGzip();
    if (!is_gzip.ok()) return is_gzip.status();
    is_gzip_ = *is_gzip;
    if (!is_gzip_ || inflateInit2(&z_, kGzipOnly) == Z_OK) return absl::OkStatus();
    return absl::ErrnoToStatus(ENOMEM, path_);
  }

  // Puts at least one byte into `to`, which has room for one; 0 at the end.
  absl::StatusOr<size_t> ReadSome(std::span<char> to) { return is_gzip_ ? Inflate(to) : Copy(to); }

 private:
  absl::StatusOr<size_t> Copy(std::span<char> to) {
    const absl::Status filled = Fill(1);
    if (!filled.ok()) return filled;
    const size_t size = std::min<size_t>(to.size(), z_.avail_in);
    std::memcpy(to.data(), z_.next_in, size);
    z_.next_in += size;
    z_.avail_in -= static_cast<uInt>(size);
    return size;
  }

  absl::StatusOr<size_t> Inflate(std::span<char> to) {
    const size_t room = std::min<size_t>(to.size(), std::numeric_limits<uInt>::max());
    while (true) {
      const absl::StatusOr<bool> has_more = EnterMember();
      if (!has_more.ok()) return has_more.status();
      if (!*has_more) return 0;
      z_.next_out = reinterpret_cast<Bytef*>(to.data());
      z_.avail_out = static_cast<uInt>(room);
      const int code = inflate(&z_, Z_NO_FLUSH);
      member_ended_ = code == Z_STREAM_END;
      // A fault that comes after some bytes is told again by the next call.
      if (z_.avail_out < room) return room - z_.avail_out;
      if (code != Z_OK && code != Z_STREAM_END) return Damage(code);
    }
  }

  // Sees to it that there are bytes for inflate, if there are any, and that it stands within a
  // member; false after the last one.
  absl::StatusOr<bool> EnterMember() {
    const absl::Status filled = Fill(1);
    if (!filled.ok()) return filled;
    if (!member_ended_) return true;
    if (z_.avail_in == 0) return false;
    const absl::StatusOr<bool> is_gzip = StartsGzip();
    if (!is_gzip.ok()) return is_gzip;
    if (!*is_gzip) {
      return absl::DataLossError(
          absl::StrCat(path_, ": what follows the end of the gzip is no gzip"));
    }
    inflateReset(&z_);
    return true;
  }

  absl::StatusOr<bool> StartsGzip() {
    const absl::Status filled = Fill(sizeof kMagic);
    if (!filled.ok()) return filled;
    return z_.avail_in >= sizeof kMagic && std::memcmp(z_.next_in, kMagic, sizeof kMagic) == 0;
  }

  // Sees to it that `least` bytes are there, unless the file ends before.
  absl::Status Fill(size_t least) {
    if (z_.avail_in >= least) return absl::OkStatus();
    std::memmove(buffer_.data(), z_.next_in, z_.avail_in);
    z_.next_in = buffer_.data();
    errno = 0;
    const size_t read =
        std::fread(buffer_.data() + z_.avail_in, 1, buffer_.size() - z_.avail_in, file_);
    z_.avail_in += static_cast<uInt>(read);
    if (std::ferror(file_) == 0) return absl::OkStatus();
    return absl::ErrnoToStatus(errno == 0 ? EIO : errno, path_);
  }

  absl::Status Damage(int code) const {
    if (code == Z_BUF_ERROR) return absl::DataLossError(absl::StrCat(path_, ": gzip is cut short"));
    const char* what = z_.msg == nullptr ? zError(code) : z_.msg;
    return absl::DataLossError(absl::StrCat(path_, ": damaged gzip: ", what));
  }

  const std::string path_;
  std::FILE* const file_;
  std::vector<unsigned char> buffer_;
  z_stream z_ = {};
  bool is_gzip_ = false;
  bool member_ended_ = false;
};

InputFile::InputFile(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
InputFile::InputFile(InputFile&&) noexcept = default;
InputFile& InputFile::operator=(InputFile&&) noexcept = default;
InputFile::~InputFile() = default;

absl::StatusOr<InputFile> InputFile::Open(absl::string_view path) {
  const absl::StatusOr<std::FILE*> file = OpenAgainAndAgain(path);
  if (!file.ok()) return file.status();
  auto stream = std::make_unique<Stream>(path, *file);
  const absl::Status begun = stream->Begin();
  if (!begun.ok()) return begun;
  return InputFile(std::move(stream));
}

absl::StatusOr<size_t> InputFile::Read(std::span<char> buffer) {
  size_t count = 0;
  while (count < buffer.size()) {
    const absl::StatusOr<size_t> some = stream_->ReadSome(buffer.subspan(count));
    if (!some.ok() && count == 0) return some.status();
    if (!some.ok() || *some == 0) break;
    count += *some;
  }
  return count;
}

const std::string& InputFile::path() const { return stream_->path(); }

}  // namespace chainrule::client
