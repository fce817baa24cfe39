// How a log segment is written: a header of kSegmentHeaderBytes, then frames, one after
// another. Numbers are little-endian.
//
// The header is a record of format 1, so that servers that know no other see that the
// segment is not for them. Its text, with spaces to its length:
//   chainrule log 2 FIRST BEFORE SEED REMOVED
// FIRST: the sequence of its first record; BEFORE: of the last record before it (between
// the two there may be a gap, elsewhere there is none); SEED: of its checksums, so that
// nobody can make bytes that look like a frame; REMOVED: 0, or the sequence of its last
// record, where all were removed because nobody needs them.
//
// A frame is a record, or an index of records before it, from which is known whose they
// were if they cannot be read:
//   8 bytes  XXH3-64 of the head: what follows but the payload and its checksum
//   8 bytes  XXH3-64 of the payload
//   4 bytes  length of the payload
//   1 byte   kind
//   1 byte   length of the owner
//   2 bytes  zeros
//   8 bytes  sequence, from 1; of an index that of the next record
//   8 bytes  the sequence up to which records were synced when this was written: damage
//            before it is no torn tail
//   8 bytes  number, 8 bytes step, owner: the record's key
//   payload
//
// Format 1 had records without a key, of 28 bytes and the payload (LogRecordHeader).
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_STORE_LOG_FORMAT_H_
#define CHAINRULE_SERVER_STORE_LOG_FORMAT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/log.h"

namespace chainrule::server {

// Of format 2. A segment that is no longer holds no record.
inline constexpr int64_t kSegmentHeaderBytes = 128;
inline constexpr int64_t kFrameHeadBytes = 56;  // without the owner
inline constexpr int64_t kMaxFrameHeadBytes = kFrameHeadBytes + 255;

struct SegmentHeader {
  int version = 2;
  uint64_t first_sequence = 0;
  uint64_t before = 0;
  uint64_t seed = 0;
  uint64_t removed = 0;
  int64_t bytes = kSegmentHeaderBytes;  // before the first frame
};
std::string EncodeSegmentHeader(const SegmentHeader& header);
// `bytes`: the beginning of a file, kSegmentHeaderBytes or all there is. DATA_LOSS: it is
// damaged; FAILED_PRECONDITION: of a later format.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes);

enum class FrameKind : uint8_t { kRecord = 1, kIndex = 2 };

struct FrameHead {
  FrameKind kind = FrameKind::kRecord;
  uint64_t payload_checksum = 0;
  uint32_t payload_bytes = 0;
  uint64_t sequence = 0;
  uint64_t synced = 0;
  RecordKey key;
  int64_t head_bytes = 0;

  int64_t bytes() const { return head_bytes + int64_t{payload_bytes}; }
};
// Appends what goes before the payload to `out`; the head's lengths and checksums are filled in
// here. Requires a payload below 4 GiB.
void AppendFrameHead(uint64_t seed, const FrameHead& head, absl::string_view payload,
                     std::string* out);
// The sound head that `bytes` begins with.
std::optional<FrameHead> ReadFrameHead(uint64_t seed, absl::string_view bytes);
// Whether a file's last `rest` bytes can be a frame whose writing ended too early. `bytes`:
// the first of them, kMaxFrameHeadBytes or all there are. What is as long as it says, and
// not sound, cannot.
bool CanBeCutShort(uint64_t seed, absl::string_view bytes, int64_t rest);
bool PayloadIsSound(uint64_t seed, const FrameHead& head, absl::string_view payload);

// The last record of each owner, of all the records from `since` to the index.
struct LogIndex {
  uint64_t since = 0;
  std::vector<LogDamage::Lost> owners;
};
std::string EncodeIndex(const LogIndex& index);
std::optional<LogIndex> DecodeIndex(absl::string_view payload);

// --- Format 1 ---

inline constexpr int64_t kRecordHeaderBytes = 28;

struct LogRecordHeader {
  uint64_t checksum = 0;
  uint32_t length = 0;
  uint64_t sequence = 0;
  uint64_t synced = 0;
};
// Appends a record to `out`. Requires payload below 4 GiB.
void AppendRecord(uint64_t sequence, uint64_t synced, absl::string_view payload, std::string* out);
// Requires kRecordHeaderBytes bytes.
LogRecordHeader ReadRecordHeader(absl::string_view bytes);
// Whether `record`, header and payload, is whole and undamaged.
bool RecordIsSound(absl::string_view record);

// Segments are named by a number that grows: "00000000000000000007.log".
std::string SegmentName(uint64_t number);
// The number, or 0 if it is not a segment's name.
uint64_t SegmentNumber(absl::string_view name);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_FORMAT_H_
