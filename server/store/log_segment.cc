#include "server/store/log_segment.h"

#include <algorithm>
#include <utility>

namespace chainrule::server {
namespace {

// Large enough that few reads are made, and small beside what a server has anyway.
constexpr int64_t kPieceBytes = int64_t{1} << 20;
// What a disk reads or does not read as a whole.
constexpr int64_t kSectorBytes = 4096;

}  // namespace

absl::StatusOr<LogSegmentFile> LogSegmentFile::Open(FileSystem* files, std::string path) {
  const absl::StatusOr<int64_t> size = files->Size(path);
  if (!size.ok()) return size.status();
  return LogSegmentFile(files, std::move(path), *size);
}

absl::Status LogSegmentFile::ReadHeader() {
  const absl::StatusOr<absl::string_view> bytes = At(0, kSegmentHeaderBytes);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(*bytes);
  if (header.ok()) header_ = *header;
  return header.status();
}

// `length` bytes, fewer at the file's end.
absl::StatusOr<absl::string_view> LogSegmentFile::At(int64_t offset, int64_t length) {
  length = std::clamp<int64_t>(size_ - offset, 0, length);
  const int64_t end = piece_begin_ + static_cast<int64_t>(piece_.size());
  if (offset < piece_begin_ || offset + length > end) {
    const int64_t wanted = std::min(std::max(length, kPieceBytes), size_ - offset);
    if (absl::Status status = Fill(offset, wanted); !status.ok()) return status;
  }
  return absl::string_view(piece_).substr(static_cast<size_t>(offset - piece_begin_),
                                          static_cast<size_t>(length));
}

absl::Status LogSegmentFile::Fill(int64_t offset, int64_t length) {
  absl::StatusOr<std::string> piece = files_->Read(path_, offset, length);
  if (absl::IsDataLoss(piece.status())) piece = ReadSoundParts(offset, length);
  if (!piece.ok()) return piece.status();
  // A file that became shorter meanwhile ends where it ends.
  if (static_cast<int64_t>(piece->size()) < length) {
    size_ = offset + static_cast<int64_t>(piece->size());
  }
  piece_ = *std::move(piece);
  piece_begin_ = offset;
  return absl::OkStatus();
}

// Zeros for what the disk does not give back: no checksum holds there.
absl::StatusOr<std::string> LogSegmentFile::ReadSoundParts(int64_t offset, int64_t length) {
  std::string all;
  while (length > 0) {
    const int64_t count = std::min(length, kSectorBytes - offset % kSectorBytes);
    absl::StatusOr<std::string> sector = files_->Read(path_, offset, count);
    if (!sector.ok() && !absl::IsDataLoss(sector.status())) return sector.status();
    all.append(sector.ok() ? *sector : std::string(static_cast<size_t>(count), '\0'));
    offset += count;
    length -= count;
  }
  return all;
}

absl::StatusOr<std::optional<LogSegmentFile::Frame>> LogSegmentFile::FrameAt(int64_t offset) {
  if (header_.version == 1) return RecordAt(offset);
  const absl::StatusOr<absl::string_view> head = At(offset, kMaxFrameHeadBytes);
  if (!head.ok()) return head.status();
  std::optional<FrameHead> read = ReadFrameHead(header_.seed, *head);
  if (!read.has_value() || read->bytes() > size_ - offset) return std::nullopt;
  const absl::StatusOr<absl::string_view> payload =
      At(offset + read->head_bytes, int64_t{read->payload_bytes});
  if (!payload.ok()) return payload.status();
  const bool sound = PayloadIsSound(header_.seed, *read, *payload);
  return Frame{*std::move(read), *payload, sound};
}

// Of format 1, where a head has no checksum of its own.
absl::StatusOr<std::optional<LogSegmentFile::Frame>> LogSegmentFile::RecordAt(int64_t offset) {
  const absl::StatusOr<absl::string_view> head = At(offset, kRecordHeaderBytes);
  if (!head.ok()) return head.status();
  if (static_cast<int64_t>(head->size()) < kRecordHeaderBytes) return std::nullopt;
  const LogRecordHeader read = ReadRecordHeader(*head);
  const int64_t bytes = kRecordHeaderBytes + int64_t{read.length};
  if (bytes > size_ - offset) return std::nullopt;
  const absl::StatusOr<absl::string_view> record = At(offset, bytes);
  if (!record.ok()) return record.status();
  if (!RecordIsSound(*record)) return std::nullopt;
  Frame frame;
  frame.head.payload_bytes = read.length;
  frame.head.sequence = read.sequence;
  frame.head.synced = read.synced;
  frame.head.head_bytes = kRecordHeaderBytes;
  frame.payload = record->substr(static_cast<size_t>(kRecordHeaderBytes));
  frame.payload_sound = true;
  return frame;
}

absl::StatusOr<int64_t> LogSegmentFile::FindFrame(int64_t offset, uint64_t sequence) {
  if (header_.version == 1) return size_;
  for (; offset + kFrameHeadBytes <= size_; ++offset) {
    const absl::StatusOr<absl::string_view> bytes = At(offset, kMaxFrameHeadBytes);
    if (!bytes.ok()) return bytes.status();
    const std::optional<FrameHead> head = ReadFrameHead(header_.seed, *bytes);
    if (head.has_value() && head->sequence > sequence) return offset;
  }
  return size_;
}

absl::StatusOr<bool> LogSegmentFile::CanBeCutShort(int64_t offset) {
  const absl::StatusOr<absl::string_view> bytes = At(offset, kMaxFrameHeadBytes);
  if (!bytes.ok()) return bytes.status();
  const int64_t rest = size_ - offset;
  if (header_.version > 1) return server::CanBeCutShort(header_.seed, *bytes, rest);
  return rest < kRecordHeaderBytes ||
         rest < kRecordHeaderBytes + int64_t{ReadRecordHeader(*bytes).length};
}

absl::StatusOr<bool> LogSegmentFile::TellsOfSync(int64_t offset, uint64_t sequence) {
  if (header_.version == 1) return OldTellsOfSync(offset, sequence);
  while (true) {
    const absl::StatusOr<int64_t> found = FindFrame(offset, sequence);
    if (!found.ok()) return found.status();
    if (*found >= size_) return false;
    const absl::StatusOr<std::optional<Frame>> frame = FrameAt(*found);
    if (!frame.ok()) return frame.status();
    if (frame->has_value() && (*frame)->head.synced > sequence) return true;
    offset = *found + (frame->has_value() ? (*frame)->head.bytes() : 1);
  }
}

// The numbers are looked at first, since a checksum costs a pass over the payload.
absl::StatusOr<bool> LogSegmentFile::OldTellsOfSync(int64_t offset, uint64_t sequence) {
  for (; offset + kRecordHeaderBytes <= size_; ++offset) {
    const absl::StatusOr<absl::string_view> bytes = At(offset, kRecordHeaderBytes);
    if (!bytes.ok()) return bytes.status();
    const LogRecordHeader head = ReadRecordHeader(*bytes);
    if (head.synced <= sequence || head.sequence <= head.synced) continue;
    const absl::StatusOr<std::optional<Frame>> record = RecordAt(offset);
    if (!record.ok()) return record.status();
    if (record->has_value()) return true;
  }
  return false;
}

}  // namespace chainrule::server
