#include "server/store/log_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/store/errors.h"
#include "server/store/log_format.h"

namespace chainrule::server {
namespace {

absl::Status Damage(const std::string& path, size_t place, absl::string_view what) {
  return StorageDamaged(path, absl::StrCat(what, " at byte ", place));
}

// The sound record that `bytes` begins with, or an empty view.
absl::string_view SoundRecord(absl::string_view bytes) {
  if (bytes.size() < static_cast<size_t>(kRecordHeaderBytes)) return {};
  const size_t length = static_cast<size_t>(kRecordHeaderBytes) + ReadRecordHeader(bytes).length;
  if (bytes.size() < length || !RecordIsSound(bytes.substr(0, length))) return {};
  return bytes.substr(0, length);
}

// Whether a sound record in `bytes` tells that the record after `sequence`, which they
// should begin with, was synced: then it is damaged, and not the tail of a crash. The
// numbers are looked at first, since a checksum costs a pass over the payload.
bool TellsOfSync(absl::string_view bytes, uint64_t sequence) {
  const size_t header_bytes = static_cast<size_t>(kRecordHeaderBytes);
  for (size_t i = 1; i + header_bytes <= bytes.size(); ++i) {
    const RecordHeader header = ReadRecordHeader(bytes.substr(i));
    if (header.synced <= sequence || header.sequence <= header.synced) continue;
    if (!SoundRecord(bytes.substr(i)).empty()) return true;
  }
  return false;
}

class Reader {
 public:
  Reader(FileSystem* files, std::string folder, LogRepair repair, const LogVisitor& visit)
      : files_(files), folder_(std::move(folder)), repair_(repair), visit_(visit) {}

  absl::StatusOr<LogEnd> Read() {
    absl::StatusOr<std::vector<std::string>> names = files_->List(folder_);
    if (absl::IsNotFound(names.status())) return LogEnd();
    if (!names.ok()) return names.status();
    std::erase_if(*names, [](const std::string& name) { return SegmentNumber(name) == 0; });
    for (const std::string& name : *names) {
      const absl::Status status = ReadSegment(name, name == names->back());
      if (!status.ok()) return status;
    }
    return std::move(end_);
  }

 private:
  absl::Status ReadSegment(const std::string& name, bool last) {
    const std::string path = absl::StrCat(folder_, "/", name);
    absl::StatusOr<int64_t> size = files_->Size(path);
    if (!size.ok()) return size.status();
    absl::StatusOr<std::string> bytes = files_->Read(path, 0, *size);
    if (!bytes.ok()) return bytes.status();
    end_.last_segment = SegmentNumber(name);
    const absl::string_view header = SoundRecord(*bytes);
    if (header.empty()) return Torn(path, *bytes, 0, last);
    if (absl::Status status = ReadHeader(path, header); !status.ok()) return status;
    if (absl::Status status = ReadRecords(path, *bytes, header.size(), last); !status.ok()) {
      return status;
    }
    if (!last || repair_ == LogRepair::kNone) return absl::OkStatus();
    if (end_.segments.back().bytes == static_cast<int64_t>(header.size())) {
      end_.segments.pop_back();
      return files_->Remove(path);
    }
    if (repair_ != LogRepair::kRewrite) return absl::OkStatus();
    const auto sound = static_cast<size_t>(end_.segments.back().bytes);
    return WriteFileAtomically(*files_, path, {absl::string_view(*bytes).substr(0, sound)});
  }

  absl::Status ReadHeader(const std::string& path, absl::string_view record) {
    absl::string_view text = record.substr(static_cast<size_t>(kRecordHeaderBytes));
    const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
    uint64_t first = 0;
    uint64_t before = 0;
    if (!absl::ConsumePrefix(&text, kLogFormat) || words.size() != 5 ||
        !absl::SimpleAtoi(words[3], &first) || !absl::SimpleAtoi(words[4], &before)) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": not a log of this version's format, '", kLogFormat, "'"));
    }
    if (!end_.segments.empty() && before != end_.last_sequence) {
      return Damage(
          path, 0,
          absl::StrCat("records ", end_.last_sequence + 1, " to ", before, " are missing"));
    }
    end_.last_sequence = first - 1;
    end_.segments.push_back({end_.last_segment, first, static_cast<int64_t>(record.size())});
    return absl::OkStatus();
  }

  absl::Status ReadRecords(const std::string& path, absl::string_view bytes, size_t place,
                           bool last) {
    while (place < bytes.size()) {
      const absl::string_view record = SoundRecord(bytes.substr(place));
      if (record.empty()) return Torn(path, bytes, place, last);
      const uint64_t sequence = ReadRecordHeader(record).sequence;
      if (sequence != end_.last_sequence + 1) {
        return Damage(
            path, place,
            absl::StrCat("record ", sequence, " where ", end_.last_sequence + 1, " is expected,"));
      }
      end_.last_sequence = sequence;
      end_.segments.back().bytes += static_cast<int64_t>(record.size());
      const absl::string_view payload = record.substr(static_cast<size_t>(kRecordHeaderBytes));
      if (absl::Status status = visit_(sequence, payload); !status.ok()) return status;
      place += record.size();
    }
    return absl::OkStatus();
  }

  absl::Status Torn(const std::string& path, absl::string_view bytes, size_t place, bool last) {
    if (!last || TellsOfSync(bytes.substr(place), end_.last_sequence)) {
      return Damage(path, place, "a damaged record");
    }
    if (repair_ == LogRepair::kNone) return absl::OkStatus();
    // Without its header a segment is nothing; it is begun anew under another number.
    if (place == 0) return files_->Remove(path);
    return repair_ == LogRepair::kCut ? files_->Truncate(path, static_cast<int64_t>(place))
                                      : absl::OkStatus();
  }

  FileSystem* const files_;
  const std::string folder_;
  const LogRepair repair_;
  const LogVisitor& visit_;
  LogEnd end_;
};

}  // namespace

absl::StatusOr<LogEnd> ReadLog(FileSystem* files, const std::string& folder, LogRepair repair,
                               const LogVisitor& visit) {
  return Reader(files, folder, repair, visit).Read();
}

}  // namespace chainrule::server
