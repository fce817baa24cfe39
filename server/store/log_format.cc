#include "server/store/log_format.h"

#include <xxhash.h>

#include <bit>
#include <cstring>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "engine/core/check.h"

namespace chainrule::server {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr size_t kChecksumBytes = 8;

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

}  // namespace

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

RecordHeader ReadRecordHeader(absl::string_view bytes) {
  return {ReadNumber<uint64_t>(bytes), ReadNumber<uint32_t>(bytes.substr(8)),
          ReadNumber<uint64_t>(bytes.substr(12)), ReadNumber<uint64_t>(bytes.substr(20))};
}

bool RecordIsSound(absl::string_view record) {
  if (record.size() < static_cast<size_t>(kRecordHeaderBytes)) return false;
  const RecordHeader header = ReadRecordHeader(record);
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
