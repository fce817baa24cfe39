#include "server/models/write_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

absl::StatusOr<bool> WriteQueue::Push(std::unique_ptr<Write>* write) {
  MutexLock lock(&mutex_);
  if (absl::Status refusal = RefusalLocked(); !refusal.ok()) return refusal;
  queue_.push_back(std::move(*write));
  return !std::exchange(scheduled_, true);
}

std::unique_ptr<Write> WriteQueue::TakeNext() {
  MutexLock lock(&mutex_);
  if (queue_.empty()) return nullptr;
  std::unique_ptr<Write> next = std::move(queue_.front());
  queue_.pop_front();
  current_ = next->shared_cancellation();
  return next;
}

std::vector<std::unique_ptr<Write>> WriteQueue::TakeCancelled() {
  std::vector<std::unique_ptr<Write>> cancelled;
  const auto waits = [](const std::unique_ptr<Write>& write) {
    return write->cancellation().Check().ok();
  };
  MutexLock lock(&mutex_);
  if (std::ranges::all_of(queue_, waits)) return cancelled;
  const auto first = std::stable_partition(queue_.begin(), queue_.end(), waits);
  std::move(first, queue_.end(), std::back_inserter(cancelled));
  queue_.erase(first, queue_.end());
  return cancelled;
}

std::vector<std::unique_ptr<Write>> WriteQueue::TakeAll() {
  std::vector<std::unique_ptr<Write>> all;
  MutexLock lock(&mutex_);
  std::ranges::move(queue_, std::back_inserter(all));
  queue_.clear();
  return all;
}

bool WriteQueue::NeedsTurn(bool running) {
  MutexLock lock(&mutex_);
  if (!running) current_ = nullptr;
  scheduled_ = running || !queue_.empty();
  return scheduled_;
}

bool WriteQueue::idle() const {
  MutexLock lock(&mutex_);
  return !scheduled_;
}

// What waits has a turn coming, which finds it cancelled.
void WriteQueue::End(absl::StatusCode reason) {
  MutexLock lock(&mutex_);
  ended_ = reason;
  if (current_ != nullptr) current_->Cancel(reason);
  for (const std::unique_ptr<Write>& write : queue_) {
    write->shared_cancellation()->Cancel(reason);
  }
}

absl::StatusCode WriteQueue::ended() const {
  MutexLock lock(&mutex_);
  return ended_;
}

absl::Status WriteQueue::Refusal() const {
  MutexLock lock(&mutex_);
  return RefusalLocked();
}

absl::Status WriteQueue::RefusalLocked() const {
  switch (ended_) {
    case absl::StatusCode::kOk:
      return absl::OkStatus();
    case absl::StatusCode::kUnavailable:
      return Stopping();
    default:
      return ModelDeleted(id_);
  }
}

}  // namespace chainrule::server
