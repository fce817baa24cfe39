#include "server/store/wal_scan.h"

#include <bit>

#include "absl/strings/string_view.h"

namespace chainrule::server {
namespace {

constexpr int64_t kHeaderBytes = 32;
constexpr int64_t kFrameHeaderBytes = 24;
constexpr uint32_t kMagic = 0x377f0682;  // the lowest bit: sums are of big-endian words
constexpr uint32_t kSmallestPage = 512;
constexpr uint32_t kLargestPage = 65'536;

uint32_t BigEndian(absl::string_view bytes, size_t at) {
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) word = word << 8 | static_cast<uint8_t>(bytes[at + i]);
  return word;
}

uint32_t LittleEndian(absl::string_view bytes, size_t at) {
  uint32_t word = 0;
  for (size_t i = 4; i > 0; --i) word = word << 8 | static_cast<uint8_t>(bytes[at + i - 1]);
  return word;
}

// s0 ← s0 + x[i] + s1, s1 ← s1 + x[i + 1] + s0, over all words so far.
struct Sums {
  uint32_t s0 = 0;
  uint32_t s1 = 0;

  void Add(absl::string_view words, bool big_endian) {
    const auto word = big_endian ? BigEndian : LittleEndian;
    for (size_t at = 0; at + 8 <= words.size(); at += 8) {
      s0 += word(words, at) + s1;
      s1 += word(words, at + 4) + s0;
    }
  }
  bool AreAt(absl::string_view bytes, size_t at) const {
    return BigEndian(bytes, at) == s0 && BigEndian(bytes, at + 4) == s1;
  }
};

class Scanner {
 public:
  Scanner(FileSystem* files, const std::string& path) : files_(files), path_(path) {}

  absl::StatusOr<WalScan> Scan() {
    absl::StatusOr<std::string> header = files_->Read(path_, 0, kHeaderBytes);
    if (!header.ok()) return header.status();
    if (!TakeHeader(*header)) {
      // It is synced before the first frame is written.
      const absl::StatusOr<int64_t> size = files_->Size(path_);
      if (!size.ok()) return size.status();
      return WalScan{.broken = true, .header_broken = *size > kHeaderBytes};
    }
    int64_t at = kHeaderBytes;
    while (true) {
      const absl::StatusOr<std::string> frame = files_->Read(path_, at, frame_bytes());
      if (!frame.ok()) return frame.status();
      // The beginning of a frame, with which a crash may end.
      if (static_cast<int64_t>(frame->size()) < frame_bytes()) return scan_;
      TakeFrame(*frame, at);
      at += frame_bytes();
    }
  }

 private:
  int64_t frame_bytes() const { return kFrameHeaderBytes + page_bytes_; }

  bool TakeHeader(absl::string_view header) {
    if (static_cast<int64_t>(header.size()) < kHeaderBytes) return false;
    const uint32_t magic = BigEndian(header, 0);
    big_endian_ = (magic & 1) != 0;
    page_bytes_ = BigEndian(header, 8);
    salts_ = std::string(header.substr(16, 8));
    sums_.Add(header.substr(0, 24), big_endian_);
    return (magic & ~1U) == kMagic && sums_.AreAt(header, 24) && page_bytes_ >= kSmallestPage &&
           page_bytes_ <= kLargestPage && std::has_single_bit(static_cast<uint32_t>(page_bytes_));
  }

  // Frames of a log that was written over have other salts, and are the end of this one
  // unless frames of this one follow.
  void TakeFrame(absl::string_view frame, int64_t at) {
    const bool ours = frame.substr(8, 8) == salts_;
    if (!ended_) {
      Sums sums = sums_;
      sums.Add(frame.substr(0, 8), big_endian_);
      sums.Add(frame.substr(kFrameHeaderBytes), big_endian_);
      const bool follows = sums.AreAt(frame, 16);
      if (ours && follows) {
        sums_ = sums;
        return;
      }
      ended_ = true;
      scan_.broken_at = at;
      scan_.broken = ours || follows;  // the sums are not of the salts
    } else {
      scan_.broken = scan_.broken || ours;
    }
    if (ours && BigEndian(frame, 4) != 0) ++scan_.commits_from_there;
  }

  FileSystem* const files_;
  const std::string& path_;
  int64_t page_bytes_ = 0;
  std::string salts_;
  bool big_endian_ = false;
  Sums sums_;
  bool ended_ = false;
  WalScan scan_;
};

}  // namespace

absl::StatusOr<WalScan> ScanWal(FileSystem* files, const std::string& path) {
  return Scanner(files, path).Scan();
}

}  // namespace chainrule::server
