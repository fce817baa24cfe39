#include "server/store/log_format.h"

#include <xxhash.h>

#include <bit>
#include <cstring>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "engine/core/check.h"

namespace chainrule::server {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr absl::string_view kLogName = "chainrule log ";
constexpr size_t kChecksumBytes = 8;
constexpr size_t kHeadChecksums = 16;  // before what the first of them is of
constexpr size_t kOwnerBytesPlace = 21;

template <typename T>
void AppendNumber(T number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

template <typename T>
T ReadNumber(absl::string_view bytes) {
  T number;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

// Takes a number from the front; false if there is none.
template <typename T>
bool TakeNumber(absl::string_view* bytes, T* number) {
  if (bytes->size() < sizeof(T)) return false;
  *number = ReadNumber<T>(*bytes);
  bytes->remove_prefix(sizeof(T));
  return true;
}

uint64_t Checksum(uint64_t seed, absl::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace

std::string EncodeSegmentHeader(const SegmentHeader& header) {
  std::string text = absl::StrCat(kLogName, "2 ", header.first_sequence, " ", header.before, " ",
                                  header.seed, " ", header.removed);
  text.resize(static_cast<size_t>(kSegmentHeaderBytes - kRecordHeaderBytes), ' ');
  std::string bytes;
  AppendRecord(0, 0, text, &bytes);
  return bytes;
}

absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes) {
  const absl::Status damaged = absl::DataLossError("a damaged header");
  if (bytes.size() < static_cast<size_t>(kRecordHeaderBytes)) return damaged;
  SegmentHeader header;
  header.bytes = kRecordHeaderBytes + int64_t{ReadRecordHeader(bytes).length};
  if (static_cast<int64_t>(bytes.size()) < header.bytes) return damaged;
  if (!RecordIsSound(bytes.substr(0, static_cast<size_t>(header.bytes)))) return damaged;
  absl::string_view text = bytes.substr(0, static_cast<size_t>(header.bytes));
  text.remove_prefix(static_cast<size_t>(kRecordHeaderBytes));
  const bool named = absl::ConsumePrefix(&text, kLogName);
  const std::vector<absl::string_view> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (!named || words.empty() || !absl::SimpleAtoi(words[0], &header.version)) return damaged;
  if (header.version > 2) {
    return absl::FailedPreconditionError(absl::StrCat("a log of format ", header.version));
  }
  const size_t wanted = header.version == 1 ? 3 : 5;
  uint64_t* const numbers[] = {&header.first_sequence, &header.before, &header.seed,
                               &header.removed};
  if (header.version < 1 || words.size() != wanted) return damaged;
  for (size_t i = 1; i < wanted; ++i) {
    if (!absl::SimpleAtoi(words[i], numbers[i - 1])) return damaged;
  }
  return header.first_sequence > 0 ? absl::StatusOr<SegmentHeader>(header) : damaged;
}

void AppendFrameHead(uint64_t seed, const FrameHead& head, absl::string_view payload,
                     std::string* out) {
  CHAINRULE_CHECK(payload.size() <= std::numeric_limits<uint32_t>::max());
  CHAINRULE_CHECK(head.key.owner.size() <= std::numeric_limits<uint8_t>::max());
  const size_t begin = out->size();
  AppendNumber<uint64_t>(0, out);
  AppendNumber(Checksum(seed, payload), out);
  AppendNumber(static_cast<uint32_t>(payload.size()), out);
  AppendNumber(static_cast<uint8_t>(head.kind), out);
  AppendNumber(static_cast<uint8_t>(head.key.owner.size()), out);
  AppendNumber<uint16_t>(0, out);
  AppendNumber(head.sequence, out);
  AppendNumber(head.synced, out);
  AppendNumber(head.key.number, out);
  AppendNumber(head.key.step, out);
  out->append(head.key.owner);
  // The payload's checksum is covered, too, so that a head goes with its payload alone.
  const uint64_t checksum = Checksum(seed, absl::string_view(*out).substr(begin + kChecksumBytes));
  std::memcpy(out->data() + begin, &checksum, sizeof(checksum));
}

std::optional<FrameHead> ReadFrameHead(uint64_t seed, absl::string_view bytes) {
  if (bytes.size() < static_cast<size_t>(kFrameHeadBytes)) return std::nullopt;
  FrameHead head;
  head.payload_checksum = ReadNumber<uint64_t>(bytes.substr(8));
  head.payload_bytes = ReadNumber<uint32_t>(bytes.substr(kHeadChecksums));
  const auto kind = ReadNumber<uint8_t>(bytes.substr(20));
  const size_t owner_bytes = ReadNumber<uint8_t>(bytes.substr(kOwnerBytesPlace));
  const size_t head_bytes = static_cast<size_t>(kFrameHeadBytes) + owner_bytes;
  if (kind < 1 || kind > 2 || ReadNumber<uint16_t>(bytes.substr(22)) != 0) return std::nullopt;
  head.kind = static_cast<FrameKind>(kind);
  head.sequence = ReadNumber<uint64_t>(bytes.substr(24));
  head.synced = ReadNumber<uint64_t>(bytes.substr(32));
  if (head.sequence <= head.synced || bytes.size() < head_bytes) return std::nullopt;
  const absl::string_view checked = bytes.substr(kChecksumBytes, head_bytes - kChecksumBytes);
  if (Checksum(seed, checked) != ReadNumber<uint64_t>(bytes)) return std::nullopt;
  head.key.number = ReadNumber<uint64_t>(bytes.substr(40));
  head.key.step = ReadNumber<int64_t>(bytes.substr(48));
  head.key.owner = std::string(bytes.substr(static_cast<size_t>(kFrameHeadBytes), owner_bytes));
  head.head_bytes = static_cast<int64_t>(head_bytes);
  return head;
}

bool CanBeCutShort(uint64_t seed, absl::string_view bytes, int64_t rest) {
  if (bytes.size() < static_cast<size_t>(kFrameHeadBytes)) return true;
  const auto owner_bytes = ReadNumber<uint8_t>(bytes.substr(kOwnerBytesPlace));
  if (bytes.size() >= static_cast<size_t>(kFrameHeadBytes) + owner_bytes) {
    const std::optional<FrameHead> head = ReadFrameHead(seed, bytes);
    return head.has_value() && head->bytes() > rest;
  }
  // The head says that it ends behind the file. It may say so because that byte is damaged:
  // then the owner is as long as the payload leaves room for.
  const auto payload_bytes = ReadNumber<uint32_t>(bytes.substr(kHeadChecksums));
  std::string whole(bytes);
  whole[kOwnerBytesPlace] = static_cast<char>(rest - kFrameHeadBytes - payload_bytes);
  return !ReadFrameHead(seed, whole).has_value();
}

bool PayloadIsSound(uint64_t seed, const FrameHead& head, absl::string_view payload) {
  return payload.size() == head.payload_bytes && Checksum(seed, payload) == head.payload_checksum;
}

std::string EncodeIndex(const LogIndex& index) {
  std::string out;
  AppendNumber(index.since, &out);
  for (const LogDamage::Lost& last : index.owners) {
    AppendNumber(static_cast<uint8_t>(last.owner.size()), &out);
    out.append(last.owner);
    AppendNumber(last.sequence, &out);
    AppendNumber(last.step, &out);
  }
  return out;
}

std::optional<LogIndex> DecodeIndex(absl::string_view payload) {
  LogIndex index;
  if (!TakeNumber(&payload, &index.since)) return std::nullopt;
  while (!payload.empty()) {
    LogDamage::Lost last;
    uint8_t length = 0;
    if (!TakeNumber(&payload, &length) || payload.size() < length) return std::nullopt;
    last.owner = std::string(payload.substr(0, length));
    payload.remove_prefix(length);
    if (!TakeNumber(&payload, &last.sequence) || !TakeNumber(&payload, &last.step)) {
      return std::nullopt;
    }
    index.owners.push_back(std::move(last));
  }
  return index;
}

void AppendRecord(uint64_t sequence, uint64_t synced, absl::string_view payload, std::string* out) {
  CHAINRULE_CHECK(payload.size() <= std::numeric_limits<uint32_t>::max());
  const size_t begin = out->size();
  AppendNumber<uint64_t>(0, out);
  AppendNumber(static_cast<uint32_t>(payload.size()), out);
  AppendNumber(sequence, out);
  AppendNumber(synced, out);
  out->append(payload.data(), payload.size());
  const char* const checked = out->data() + begin + kChecksumBytes;
  const uint64_t checksum = XXH3_64bits(checked, out->size() - begin - kChecksumBytes);
  std::memcpy(out->data() + begin, &checksum, sizeof(checksum));
}

LogRecordHeader ReadRecordHeader(absl::string_view bytes) {
  return {ReadNumber<uint64_t>(bytes), ReadNumber<uint32_t>(bytes.substr(8)),
          ReadNumber<uint64_t>(bytes.substr(12)), ReadNumber<uint64_t>(bytes.substr(20))};
}

bool RecordIsSound(absl::string_view record) {
  if (record.size() < static_cast<size_t>(kRecordHeaderBytes)) return false;
  const LogRecordHeader header = ReadRecordHeader(record);
  if (record.size() != static_cast<size_t>(kRecordHeaderBytes) + header.length) return false;
  const absl::string_view checked = record.substr(kChecksumBytes);
  return header.checksum == XXH3_64bits(checked.data(), checked.size());
}

std::string SegmentName(uint64_t number) { return absl::StrFormat("%020d.log", number); }

uint64_t SegmentNumber(absl::string_view name) {
  uint64_t number = 0;
  if (name.size() != 24 || !absl::ConsumeSuffix(&name, ".log")) return 0;
  return absl::SimpleAtoi(name, &number) ? number : 0;
}

}  // namespace chainrule::server
