#include "server/models/keeper.h"

#include <utility>

#include "server/store/errors.h"

namespace chainrule::server {

using engine::MutexLock;

Keeper::Keeper(Store* store, const engine::Executor* executor, Options options)
    : store_(store),
      executor_(executor),
      options_(std::move(options)),
      status_(StorageFailed("the log is not open")) {}

Keeper::~Keeper() { CloseLog(); }

absl::Status Keeper::OpenLog(const LogVisitor& visit, LogFindings* findings) {
  CloseLog();
  absl::StatusOr<std::unique_ptr<Log>> opened = store_->OpenLog(visit, findings);
  MutexLock lock(&mutex_);
  status_ = opened.status();
  was_open_ = was_open_ || opened.ok();
  if (opened.ok()) log_ = *std::move(opened);
  return status_;
}

// Its end calls what waits in it, so it ends outside the lock. Who still holds it only
// asks it things: all that append do so under the lock.
void Keeper::CloseLog() {
  std::shared_ptr<Log> last;
  {
    MutexLock lock(&mutex_);
    last = std::exchange(log_, nullptr);
    if (status_.ok()) status_ = StorageFailed("the log is closed");
  }
}

absl::Status Keeper::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

absl::Status Keeper::recovered() const {
  MutexLock lock(&mutex_);
  return was_open_ ? absl::OkStatus() : status_;
}

uint64_t Keeper::Append(RecordKey key, std::string payload, Log::Done done) {
  absl::Status refusal;
  {
    MutexLock lock(&mutex_);
    if (status_.ok()) {
      return log_->Append(std::move(key), std::move(payload),
                          [this, done = std::move(done)](absl::Status status, uint64_t synced) {
                            if (!status.ok()) Fail(status);
                            done(std::move(status), synced);
                          });
    }
    refusal = status_;
  }
  done(std::move(refusal), 0);
  return 0;
}

void Keeper::Fail(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    if (log_ == nullptr || !status_.ok()) return;
    status_ = status;
  }
  failure_.Tell();
}

std::shared_ptr<Log> Keeper::log() const {
  MutexLock lock(&mutex_);
  return log_;
}

absl::StatusOr<std::shared_ptr<Log>> Keeper::OpenedLog() const {
  MutexLock lock(&mutex_);
  if (!status_.ok()) return status_;
  return log_;
}

absl::Status Keeper::Flush() {
  const absl::StatusOr<std::shared_ptr<Log>> log = OpenedLog();
  if (!log.ok()) return log.status();
  absl::Status status = (*log)->Flush();
  if (!status.ok()) Fail(status);
  return status;
}

absl::StatusOr<uint64_t> Keeper::Rotate() {
  const absl::StatusOr<std::shared_ptr<Log>> log = OpenedLog();
  if (!log.ok()) return log.status();
  absl::StatusOr<uint64_t> sequence = (*log)->Rotate();
  if (!sequence.ok()) Fail(sequence.status());
  return sequence;
}

absl::Status Keeper::RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept) {
  const absl::StatusOr<std::shared_ptr<Log>> log = OpenedLog();
  return log.ok() ? (*log)->RemoveBefore(sequence, kept) : log.status();
}

int64_t Keeper::log_bytes() const {
  const std::shared_ptr<Log> log = this->log();
  return log == nullptr ? 0 : log->bytes();
}

uint64_t Keeper::synced() const {
  const std::shared_ptr<Log> log = this->log();
  return log == nullptr ? 0 : log->synced();
}

}  // namespace chainrule::server
