#include "server/store/memory_log.h"

#include <algorithm>
#include <utility>

#include "server/store/errors.h"

namespace chainrule::server {

using engine::MutexLock;

MemoryLog::MemoryLog(std::shared_ptr<MemoryRecords> records, bool sync)
    : records_(std::move(records)), sync_(sync) {
  MutexLock lock(&records_->mutex);
  life_ = ++records_->life;
  appended_ = answered_ = records_->synced = records_->last;
  if (records_->segments.back() != records_->last + 1) {
    records_->segments.push_back(records_->last + 1);
  }
  records_->changed.NotifyAll();
  thread_ = std::thread(&MemoryLog::Loop, this);
}

MemoryLog::~MemoryLog() {
  {
    MutexLock lock(&records_->mutex);
    if (records_->held && status_.ok()) status_ = StorageFailed("the log ended while it was held");
    stopping_ = true;
    records_->changed.NotifyAll();
  }
  thread_.join();
  MutexLock lock(&records_->mutex);
  if (status_.ok() && Fault().ok()) records_->synced = records_->last;
}

uint64_t MemoryLog::Append(RecordKey key, std::string payload, Done done) {
  MutexLock lock(&records_->mutex);
  waiting_.push_back({++appended_, std::move(key), std::move(payload), std::move(done)});
  records_->changed.NotifyAll();
  return appended_;
}

absl::Status MemoryLog::Flush() {
  MutexLock lock(&records_->mutex);
  return FlushLocked();
}

absl::Status MemoryLog::FlushLocked() {
  const uint64_t wanted = appended_;
  while (answered_ < wanted && status_.ok()) records_->changed.Wait(&records_->mutex);
  if (status_.ok()) status_ = Fault();
  if (status_.ok()) records_->synced = records_->last;
  return status_;
}

absl::StatusOr<uint64_t> MemoryLog::Rotate() {
  MutexLock lock(&records_->mutex);
  if (absl::Status status = FlushLocked(); !status.ok()) return status;
  const uint64_t next = records_->last + 1;
  if (records_->segments.back() != next) records_->segments.push_back(next);
  return next;
}

absl::Status MemoryLog::RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept) {
  MutexLock lock(&records_->mutex);
  if (absl::Status status = Fault(); !status.ok()) return status;
  std::deque<uint64_t>& segments = records_->segments;
  while (segments.size() > 1 && segments[1] <= sequence) segments.pop_front();
  const auto is_kept = [&](uint64_t record) {
    return std::ranges::any_of(kept, [&](const SequenceRange& range) {
      return range.first <= record && record <= range.last;
    });
  };
  const uint64_t first = segments.front();
  std::erase_if(records_->records, [&](const MemoryRecords::Record& record) {
    return record.sequence < first && !is_kept(record.sequence);
  });
  return absl::OkStatus();
}

int64_t MemoryLog::bytes() const {
  MutexLock lock(&records_->mutex);
  int64_t sum = 0;
  for (const auto& record : records_->records) sum += static_cast<int64_t>(record.payload.size());
  return sum;
}

uint64_t MemoryLog::synced() const {
  MutexLock lock(&records_->mutex);
  return records_->synced;
}

absl::Status MemoryLog::status() const {
  MutexLock lock(&records_->mutex);
  return status_;
}

void MemoryLog::Loop() {
  while (true) {
    Waiting next;
    {
      MutexLock lock(&records_->mutex);
      while ((waiting_.empty() || (records_->held && status_.ok() && Fault().ok())) &&
             !(waiting_.empty() && stopping_)) {
        records_->changed.Wait(&records_->mutex);
      }
      if (waiting_.empty()) return;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Commit(std::move(next));
  }
}

void MemoryLog::Commit(Waiting waiting) {
  absl::Status status;
  uint64_t synced = 0;
  {
    MutexLock lock(&records_->mutex);
    if (status_.ok()) status_ = Fault();
    status = status_;
    const bool mine = life_ == records_->life && waiting.sequence == records_->last + 1;
    if (status.ok() || (mine && records_->keep_refused)) {
      records_->records.push_back(
          {waiting.sequence, std::move(waiting.key), std::move(waiting.payload)});
      records_->last = waiting.sequence;
      if (sync_) records_->synced = records_->last;
    }
    synced = records_->synced;
  }
  waiting.done(status, synced);
  MutexLock lock(&records_->mutex);
  answered_ = waiting.sequence;
  records_->changed.NotifyAll();
}

absl::Status MemoryLog::Fault() const {
  if (life_ != records_->life) return StorageFailed("the log was opened anew");
  return records_->fault;
}

}  // namespace chainrule::server
