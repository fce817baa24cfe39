// How a log segment is written: records, one after another.
//   8 bytes  XXH3-64 of what follows
//   4 bytes  length of the payload       (little-endian, as all numbers)
//   8 bytes  sequence, from 1
//   8 bytes  the sequence up to which records were synced when this one was written
//   payload
// Records up to that one were safe from a power loss: damage before it is no torn tail.
// A segment's first record is its header: sequence 0, and as payload the format's name,
// the sequence of its first record, and that of the last record before it. Between these
// two there may be a gap; elsewhere there is none.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_SERVER_STORE_LOG_FORMAT_H_
#define CHAINRULE_SERVER_STORE_LOG_FORMAT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace chainrule::server {

inline constexpr int64_t kRecordHeaderBytes = 28;
inline constexpr absl::string_view kLogFormat = "chainrule log 1";

// Appends a record to `out`. Requires payload below 4 GiB.
void AppendRecord(uint64_t sequence, uint64_t synced, absl::string_view payload, std::string* out);

struct RecordHeader {
  uint64_t checksum = 0;
  uint32_t length = 0;
  uint64_t sequence = 0;
  uint64_t synced = 0;
};
// Requires kRecordHeaderBytes bytes.
RecordHeader ReadRecordHeader(absl::string_view bytes);
// Whether `record`, header and payload, is whole and undamaged.
bool RecordIsSound(absl::string_view record);

// Segments are named by a number that grows: "00000000000000000007.log".
std::string SegmentName(uint64_t number);
// The number, or 0 if it is not a segment's name.
uint64_t SegmentNumber(absl::string_view name);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_STORE_LOG_FORMAT_H_
