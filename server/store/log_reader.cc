#include "server/store/log_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/errors.h"
#include "server/store/log_format.h"
#include "server/store/log_segment.h"

namespace chainrule::server {
namespace {

constexpr int64_t kCopyBytes = int64_t{1} << 20;

std::string PathOf(const std::string& folder, uint64_t number) {
  return absl::StrCat(folder, "/", SegmentName(number));
}

absl::Status Copy(FileSystem* files, const std::string& from, int64_t bytes,
                  const std::string& to) {
  absl::StatusOr<std::unique_ptr<WritableFile>> copy = files->Create(to);
  if (!copy.ok()) return copy.status();
  for (int64_t done = 0; done < bytes; done += kCopyBytes) {
    const absl::StatusOr<std::string> piece =
        files->Read(from, done, std::min(kCopyBytes, bytes - done));
    if (!piece.ok()) return piece.status();
    if (absl::Status status = (*copy)->Append(*piece); !status.ok()) return status;
  }
  return (*copy)->Sync();
}

// The file's first `bytes` in another file in its place, on the disk.
absl::Status Rewrite(FileSystem* files, const std::string& path, int64_t bytes) {
  const std::string temporary = path + ".part";
  absl::Status status = Copy(files, path, bytes, temporary);
  if (status.ok()) status = files->Rename(temporary, path);
  if (status.ok()) return files->SyncFolder(FolderOf(path));
  files->Remove(temporary).IgnoreError();  // so that a full disk does not stay full
  return status;
}

class Reader {
 public:
  Reader(FileSystem* files, std::string folder, LogRepair repair, const LogVisitor& visit,
         LogTail tail)
      : files_(files), folder_(std::move(folder)), repair_(repair), visit_(visit), tail_(tail) {}

  absl::StatusOr<LogEnd> Read() {
    absl::StatusOr<std::vector<std::string>> names = files_->List(folder_);
    if (absl::IsNotFound(names.status())) return LogEnd();
    if (!names.ok()) return names.status();
    std::erase_if(*names, [](const std::string& name) { return SegmentNumber(name) == 0; });
    for (const std::string& name : *names) {
      end_.last_segment = SegmentNumber(name);
      last_ = name == names->back();
      absl::StatusOr<LogSegmentFile> file =
          LogSegmentFile::Open(files_, PathOf(folder_, end_.last_segment));
      if (!file.ok()) return file.status();
      if (absl::Status status = ReadSegment(&*file); !status.ok()) return status;
    }
    CloseGap(end_.last_sequence);
    for (const LogDamage& damage : end_.damage) {
      if (!damage.owners_known) end_.known_since = std::max(end_.known_since, damage.last + 1);
    }
    return std::move(end_);
  }

 private:
  absl::Status ReadSegment(LogSegmentFile* file) {
    const absl::Status header = file->ReadHeader();
    if (absl::IsDataLoss(header)) return ReadHeaderless(*file);
    if (absl::IsFailedPrecondition(header)) {
      return absl::FailedPreconditionError(
          absl::StrCat(file->path(), ": of a newer server: ", header.message()));
    }
    if (!header.ok()) return header;
    BeginSegment(*file);
    const absl::StatusOr<int64_t> end = ReadFrames(file);
    if (!end.ok()) return end.status();
    end_.segments.back().bytes = *end;
    if (last_) end_.repaired = Repair(file, *end);
    return absl::OkStatus();
  }

  // Without its header a segment is nothing. The last one is what a crash left, if it is so
  // short, and is begun anew under another number; else all that was in it is lost.
  absl::Status ReadHeaderless(const LogSegmentFile& file) {
    if (last_ && file.size() <= kSegmentHeaderBytes) {
      TellTorn(file, 0);
      if (repair_ != LogRepair::kNone) end_.repaired = files_->Remove(file.path());
      return absl::OkStatus();
    }
    const uint64_t first = end_.last_sequence + 1;
    if (!gap_open_) OpenGap(absl::StrCat(file.path(), ": a damaged header at byte 0"));
    // Its records were as many as could be in it, at most; a segment behind it knows better.
    if (last_) end_.last_sequence += static_cast<uint64_t>(file.size() / kRecordHeaderBytes);
    end_.segments.push_back({end_.last_segment, first, first - 1, file.size(), 0});
    return absl::OkStatus();
  }

  void BeginSegment(const LogSegmentFile& file) {
    const SegmentHeader& header = file.header();
    if (!gap_open_ && !end_.segments.empty() && header.before > end_.last_sequence) {
      OpenGap(absl::StrCat(file.path(), ": records are missing before byte 0"));
    }
    if (end_.segments.empty()) end_.known_since = header.first_sequence;
    CloseGap(header.before);
    end_.last_sequence = std::max({end_.last_sequence, header.first_sequence - 1, header.removed});
    end_.segments.push_back(
        {end_.last_segment, header.first_sequence, header.before, 0, header.removed});
  }

  // Returns where the sound part ends. Once the last segment is known to be damaged it has
  // no tail that may be cut but what no frame follows: frames behind the damage tell of it.
  absl::StatusOr<int64_t> ReadFrames(LogSegmentFile* file) {
    bool damaged = false;
    int64_t place = file->header().bytes;
    while (place < file->size()) {
      const absl::StatusOr<std::optional<LogSegmentFile::Frame>> found = file->FrameAt(place);
      if (!found.ok()) return found.status();
      const bool sound = found->has_value() && (*found)->head.sequence > end_.last_sequence;
      if (sound && (*found)->payload_sound) {
        if (absl::Status status = Take(**found, place); !status.ok()) return status;
        place += (*found)->head.bytes();
        continue;
      }
      if (last_) {
        const absl::StatusOr<bool> torn = IsTorn(file, place, sound, damaged);
        if (!torn.ok()) return torn.status();
        if (*torn) {
          TellTorn(*file, place);
          return place;
        }
      }
      damaged = true;
      const absl::StatusOr<int64_t> next =
          sound ? SkipPayload(*file, (*found)->head, place) : SkipDamage(file, place);
      if (!next.ok()) return next.status();
      place = *next;
    }
    return place;
  }

  absl::StatusOr<bool> IsTorn(LogSegmentFile* file, int64_t place, bool sound_head,
                              bool damaged) const {
    if (damaged && sound_head) return false;
    if (tail_ == LogTail::kPrefix) {
      const absl::StatusOr<bool> cut_short = file->CanBeCutShort(place);
      if (!cut_short.ok() || !*cut_short) return cut_short;
    }
    if (damaged || tail_ == LogTail::kPrefix) {
      const absl::StatusOr<int64_t> next = file->FindFrame(place + 1, end_.last_sequence);
      if (!next.ok()) return next.status();
      return *next >= file->size();
    }
    const absl::StatusOr<bool> synced = file->TellsOfSync(place + 1, end_.last_sequence);
    if (!synced.ok()) return synced.status();
    return !*synced;
  }

  void TellTorn(const LogSegmentFile& file, int64_t place) {
    const int64_t bytes = file.size() - place;
    if (bytes == 0) return;
    end_.torn_tail =
        absl::StrCat(file.path(), ": a torn tail of ", bytes, " bytes from byte ", place, " on");
  }

  // A sound frame. What lies between it and the last one is lost.
  absl::Status Take(const LogSegmentFile::Frame& frame, int64_t place) {
    const FrameHead& head = frame.head;
    if (head.sequence > end_.last_sequence + 1 && !gap_open_) {
      OpenGap(absl::StrCat(PathOf(folder_, end_.last_segment), ": records are missing before byte ",
                           place));
    }
    CloseGap(head.sequence - 1);
    if (head.kind == FrameKind::kIndex) {
      TakeIndex(frame);
      return absl::OkStatus();
    }
    end_.last_sequence = head.sequence;
    Know({head.key.owner, head.sequence, head.key.step});
    return visit_({head.sequence, head.key, {end_.last_segment, place}, frame.payload});
  }

  // It tells whose records were lost before it, if it reaches back so far.
  void TakeIndex(const LogSegmentFile::Frame& frame) {
    const std::optional<LogIndex> index = DecodeIndex(frame.payload);
    if (!index.has_value()) return;
    for (const LogDamage::Lost& last : index->owners) Know(last);
    for (LogDamage& damage : end_.damage) {
      if (damage.owners_known || index->since > damage.first) continue;
      damage.owners_known = true;
      for (const LogDamage::Lost& last : index->owners) {
        if (last.sequence >= damage.first && last.sequence <= damage.last) {
          damage.owners.push_back(last);
        }
      }
    }
  }

  void Know(const LogDamage::Lost& last) {
    LogDamage::Lost& known = end_.latest[last.owner];
    if (known.sequence < last.sequence) known = last;
  }

  // A record whose head says whose it is.
  absl::StatusOr<int64_t> SkipPayload(const LogSegmentFile& file, const FrameHead& head,
                                      int64_t place) {
    const bool record = head.kind == FrameKind::kRecord;
    if (head.sequence > end_.last_sequence + 1 && !gap_open_) {
      OpenGap(absl::StrCat(file.path(), ": records are missing before byte ", place));
    }
    CloseGap(head.sequence - 1);
    const LogDamage::Lost lost = {head.key.owner, head.sequence, head.key.step};
    LogDamage damage;
    damage.what =
        absl::StrCat(file.path(), ": a damaged ", record ? "record" : "index", " at byte ", place);
    damage.first = head.sequence;
    damage.last = record ? head.sequence : head.sequence - 1;
    damage.owners_known = true;
    if (record) {
      damage.owners.push_back(lost);
      Know(lost);
      end_.last_sequence = head.sequence;
    }
    end_.damage.push_back(std::move(damage));
    return place + head.bytes();
  }

  absl::StatusOr<int64_t> SkipDamage(LogSegmentFile* file, int64_t place) {
    if (!gap_open_) OpenGap(absl::StrCat(file->path(), ": a damaged record at byte ", place));
    absl::StatusOr<int64_t> next = file->FindFrame(place + 1, end_.last_sequence);
    if (next.ok() && *next >= file->size() && last_) {
      // Nothing tells how many they were; there was no room for more.
      const int64_t least = file->header().version == 1 ? kRecordHeaderBytes : kFrameHeadBytes;
      end_.last_sequence += static_cast<uint64_t>((file->size() - place) / least);
    }
    return next;
  }

  // Records after the last one that was read are lost, up to one that CloseGap will know.
  void OpenGap(std::string what) {
    gap_open_ = true;
    LogDamage damage;
    damage.what = std::move(what);
    damage.first = end_.last_sequence + 1;
    end_.damage.push_back(std::move(damage));
  }

  void CloseGap(uint64_t last) {
    if (!std::exchange(gap_open_, false)) return;
    LogDamage& damage = end_.damage.back();
    damage.last = last;
    // Without a record in it nobody needs to know whose they were.
    if (damage.last < damage.first) damage.owners_known = true;
    end_.last_sequence = std::max(end_.last_sequence, last);
  }

  absl::Status Repair(LogSegmentFile* file, int64_t end) {
    if (repair_ == LogRepair::kNone) return absl::OkStatus();
    if (end == file->header().bytes && end_.segments.back().removed == 0) {
      end_.segments.pop_back();
      return files_->Remove(file->path());
    }
    if (repair_ == LogRepair::kRewrite) {
      absl::Status status = Rewrite(files_, file->path(), end);
      // What the disk does not give back cannot be written anew; it stays where it is.
      if (!absl::IsDataLoss(status)) return status;
    }
    return end < file->size() ? files_->Truncate(file->path(), end) : absl::OkStatus();
  }

  FileSystem* const files_;
  const std::string folder_;
  const LogRepair repair_;
  const LogVisitor& visit_;
  const LogTail tail_;
  LogEnd end_;
  bool last_ = false;      // the segment that is read is
  bool gap_open_ = false;  // the last damage has no end yet
};

}  // namespace

absl::StatusOr<LogEnd> ReadLog(FileSystem* files, const std::string& folder, LogRepair repair,
                               const LogVisitor& visit, LogTail tail) {
  return Reader(files, folder, repair, visit, tail).Read();
}

absl::StatusOr<std::string> ReadPayload(FileSystem* files, const std::string& folder,
                                        const RecordPlace& place) {
  absl::StatusOr<LogSegmentFile> file = LogSegmentFile::Open(files, PathOf(folder, place.segment));
  if (!file.ok()) return file.status();
  absl::Status header = file->ReadHeader();
  if (!header.ok() && !absl::IsDataLoss(header)) return header;
  if (header.ok()) {
    const absl::StatusOr<std::optional<LogSegmentFile::Frame>> frame = file->FrameAt(place.offset);
    if (!frame.ok()) return frame.status();
    if (frame->has_value() && (*frame)->payload_sound) return std::string((*frame)->payload);
  }
  return StorageDamaged(file->path(), absl::StrCat("a damaged record at byte ", place.offset));
}

}  // namespace chainrule::server
