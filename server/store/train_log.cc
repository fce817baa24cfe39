#include "server/store/train_log.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/core/check.h"
#include "server/store/errors.h"
#include "server/store/log_format.h"

namespace chainrule::server {
namespace {

using engine::MutexLock;

uint64_t RandomSeed() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

// Whether a segment with these records has one that is needed.
bool IsNeeded(uint64_t first, uint64_t last, uint64_t sequence,
              const std::vector<SequenceRange>& kept) {
  if (last < first) return false;
  return last >= sequence || std::ranges::any_of(kept, [&](const SequenceRange& range) {
           return range.first <= last && range.last >= first;
         });
}

// Frames on their way to a file: short ones together, as each write is a call of the kernel's,
// long payloads from where they are.
class FrameWriter {
 public:
  FrameWriter(uint64_t seed, WritableFile* file) : seed_(seed), file_(file) {}

  absl::Status Append(const FrameHead& head, absl::string_view payload) {
    const size_t before = gathered_.size();
    AppendFrameHead(seed_, head, payload, &gathered_);
    bytes_ += static_cast<int64_t>(gathered_.size() - before + payload.size());
    if (payload.size() < kGathered) {
      gathered_.append(payload.data(), payload.size());
      return gathered_.size() < kGathered ? absl::OkStatus() : Flush();
    }
    absl::Status status = Flush();
    return status.ok() ? file_->Append(payload) : status;
  }
  absl::Status Flush() {
    if (gathered_.empty()) return absl::OkStatus();
    absl::Status status = file_->Append(gathered_);
    gathered_.clear();
    return status;
  }
  int64_t bytes() const { return bytes_; }  // of all frames

 private:
  static constexpr size_t kGathered = size_t{64} << 10;

  const uint64_t seed_;
  WritableFile* const file_;
  std::string gathered_;
  int64_t bytes_ = 0;
};

std::string SegmentPath(const std::string& folder, uint64_t number) {
  return absl::StrCat(folder, "/", SegmentName(number));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrainLog>> TrainLog::Open(
    const Options& options, FileSystem* files, const LogEnd& end, uint64_t used,
    std::shared_ptr<std::atomic<uint64_t>> acknowledged) {
  if (absl::Status status = files->MakeFolder(options.folder); !status.ok()) {
    return StorageFailed(status.message());
  }
  const uint64_t last = std::max(end.last_sequence, used);
  auto log =
      std::unique_ptr<TrainLog>(new TrainLog(options, files, end, last, std::move(acknowledged)));
  const absl::Status begun = log->BeginSegment(end.last_segment + 1, last + 1, end.last_sequence);
  if (!begun.ok()) return StorageFailed(begun.message());
  log->thread_ = std::thread(&TrainLog::Loop, log.get());
  return log;
}

TrainLog::TrainLog(const Options& options, FileSystem* files, const LogEnd& end,
                   uint64_t last_sequence, std::shared_ptr<std::atomic<uint64_t>> acknowledged)
    : options_(options),
      files_(files),
      acknowledged_(std::move(acknowledged)),
      indexer_(end.latest, end.known_since),
      last_sequence_(last_sequence),
      committed_(last_sequence),
      synced_(last_sequence),
      last_sync_(absl::Now()),
      segments_(end.segments) {}

TrainLog::~TrainLog() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

uint64_t TrainLog::Append(RecordKey key, std::string payload, Done done) {
  uint64_t sequence = 0;
  {
    MutexLock lock(&mutex_);
    sequence = ++last_sequence_;
    waiting_.push_back({sequence, std::move(key), std::move(payload), std::move(done)});
  }
  changed_.NotifyAll();
  return sequence;
}

absl::Status TrainLog::Flush() {
  MutexLock lock(&mutex_);
  const uint64_t wanted = last_sequence_;
  ++flushes_;
  changed_.NotifyAll();
  while (status_.ok() && synced_ < wanted) changed_.Wait(&mutex_);
  --flushes_;
  return status_;
}

absl::StatusOr<uint64_t> TrainLog::Rotate() {
  MutexLock lock(&mutex_);
  rotate_wanted_ = true;
  changed_.NotifyAll();
  while (status_.ok() && rotate_wanted_) changed_.Wait(&mutex_);
  if (!status_.ok()) return status_;
  return segments_.back().first_sequence;
}

absl::Status TrainLog::RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept) {
  Removal removal;
  {
    MutexLock lock(&mutex_);
    removal = Remove(sequence, kept);
  }
  if (removal.gone.empty() && removal.stubs.empty()) return absl::OkStatus();
  absl::Status status;
  for (const LogSegment& stub : removal.stubs) {
    const SegmentHeader header = {.first_sequence = stub.first_sequence,
                                  .before = stub.before,
                                  .seed = RandomSeed(),
                                  .removed = stub.removed};
    status.Update(WriteFileAtomically(*files_, SegmentPath(options_.folder, stub.number),
                                      {EncodeSegmentHeader(header)}));
  }
  for (const uint64_t number : removal.gone) {
    if (!status.ok()) break;  // a stub speaks for those behind it
    status = files_->Remove(SegmentPath(options_.folder, number));
    if (absl::IsNotFound(status)) status = absl::OkStatus();
  }
  if (status.ok()) status = files_->SyncFolder(options_.folder);
  return status.ok() ? status : StorageFailed(status.message());
}

// In front of what is needed segments go; behind it a stub takes their place, one for all
// that follow each other, as sequences have no gaps.
TrainLog::Removal TrainLog::Remove(uint64_t sequence, const std::vector<SequenceRange>& kept) {
  Removal removal;
  std::vector<LogSegment> left;
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    LogSegment segment = segments_[i];
    const uint64_t last = segments_[i + 1].before;
    const bool stub = segment.removed > 0;
    if (!stub && IsNeeded(segment.first_sequence, last, sequence, kept)) {
      left.push_back(segment);
    } else if (left.empty() || last < segment.first_sequence) {
      removal.gone.push_back(segment.number);
    } else if (left.back().removed > 0) {
      left.back().removed = last;
      removal.stubs.push_back(left.back());
      removal.gone.push_back(segment.number);
    } else {
      segment.removed = last;
      segment.bytes = kSegmentHeaderBytes;
      if (!stub) removal.stubs.push_back(segment);
      left.push_back(segment);
    }
  }
  left.push_back(segments_.back());
  segments_ = std::move(left);
  return removal;
}

int64_t TrainLog::bytes() const {
  MutexLock lock(&mutex_);
  int64_t sum = 0;
  for (const LogSegment& segment : segments_) sum += segment.bytes;
  return sum;
}

uint64_t TrainLog::synced() const {
  engine::MutexLock lock(&mutex_);
  return synced_;
}

absl::Status TrainLog::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void TrainLog::Loop() {
  while (true) {
    std::vector<Waiting> group;
    bool rotate = false;
    bool sync = options_.sync;
    {
      MutexLock lock(&mutex_);
      while (waiting_.empty() && !rotate_wanted_ && !stopping_ && !SyncIsDue()) WaitForWork();
      if (waiting_.empty() && stopping_ && (synced_ == committed_ || !status_.ok())) return;
      group.assign(std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.end()));
      waiting_.clear();
      rotate = rotate_wanted_ || segments_.back().bytes >= options_.segment_bytes;
      sync = sync || SyncIsDue() || stopping_ || rotate;
    }
    Commit(std::move(group), sync, rotate);
  }
}

// Whether committed records should be synced now, without waiting for more.
bool TrainLog::SyncIsDue() const {
  if (!status_.ok() || synced_ == committed_) return false;
  return flushes_ > 0 || absl::Now() >= last_sync_ + options_.sync_interval;
}

void TrainLog::WaitForWork() {
  if (status_.ok() && synced_ < committed_) {
    changed_.WaitFor(&mutex_, last_sync_ + options_.sync_interval - absl::Now());
  } else {
    changed_.Wait(&mutex_);
  }
}

void TrainLog::Commit(std::vector<Waiting> group, bool sync, bool rotate) {
  absl::Status status = this->status();
  if (status.ok()) status = Write(group, sync);
  if (status.ok() && rotate) {
    const uint64_t next = group.empty() ? CommittedSequence() + 1 : group.back().sequence + 1;
    status = BeginSegment(LastSegment() + 1, next, next - 1);
  }
  if (!status.ok() && this->status().ok()) status = StorageFailed(status.message());
  uint64_t synced = 0;
  {
    MutexLock lock(&mutex_);
    if (status.ok()) {
      if (!group.empty()) committed_ = group.back().sequence;
      if (acknowledged_ != nullptr) *acknowledged_ = committed_;
      if (sync) {
        synced_ = committed_;
        last_sync_ = absl::Now();
      }
    } else if (status_.ok()) {
      status_ = status;
    }
    if (rotate) rotate_wanted_ = false;
    synced = synced_;
  }
  changed_.NotifyAll();
  for (Waiting& waiting : group) waiting.done(status, synced);
}

absl::Status TrainLog::Write(const std::vector<Waiting>& group, bool sync) {
  if (absl::Status status = AppendFrames(group); !status.ok()) return status;
  return sync ? file_->Sync() : absl::OkStatus();
}

absl::Status TrainLog::AppendFrames(const std::vector<Waiting>& group) {
  FrameWriter writer(seed_, file_.get());
  FrameHead head;
  head.synced = synced();
  for (const Waiting& waiting : group) {
    head.sequence = waiting.sequence;
    if (const auto index = indexer_.Due(writer.bytes() == 0, waiting.sequence)) {
      head.kind = FrameKind::kIndex;
      head.key = {};
      if (auto status = writer.Append(head, EncodeIndex(*index)); !status.ok()) return status;
    }
    head.kind = FrameKind::kRecord;
    head.key = waiting.key;
    const int64_t before = writer.bytes();
    if (auto status = writer.Append(head, waiting.payload); !status.ok()) return status;
    indexer_.Add(waiting.key, waiting.sequence, writer.bytes() - before);
  }
  absl::Status status = writer.Flush();
  MutexLock lock(&mutex_);
  segments_.back().bytes += writer.bytes();
  return status;
}

// The file is on the disk, under its name and with its header, before a record goes in.
absl::Status TrainLog::BeginSegment(uint64_t number, uint64_t first_sequence, uint64_t before) {
  const std::string path = SegmentPath(options_.folder, number);
  absl::StatusOr<std::unique_ptr<WritableFile>> file = files_->Create(path);
  if (!file.ok()) return file.status();
  seed_ = RandomSeed();
  const SegmentHeader header = {.first_sequence = first_sequence, .before = before, .seed = seed_};
  if (absl::Status status = (*file)->Append(EncodeSegmentHeader(header)); !status.ok()) {
    return status;
  }
  if (absl::Status status = (*file)->Sync(); !status.ok()) return status;
  if (absl::Status status = files_->SyncFolder(options_.folder); !status.ok()) return status;
  file_ = *std::move(file);
  MutexLock lock(&mutex_);
  segments_.push_back({number, first_sequence, before, kSegmentHeaderBytes, 0});
  indexer_.BeginSegment(segments_.front().first_sequence);
  return absl::OkStatus();
}

uint64_t TrainLog::CommittedSequence() const {
  MutexLock lock(&mutex_);
  return committed_;
}

uint64_t TrainLog::LastSegment() const {
  MutexLock lock(&mutex_);
  return segments_.back().number;
}

}  // namespace chainrule::server
