#include "server/models/journal.h"

#include "engine/core/check.h"

namespace chainrule::server {

using engine::ModelState;
using engine::MutexLock;

std::shared_ptr<const Snapshot> Journal::snapshot() const {
  MutexLock lock(&mutex_);
  return snapshot_;
}

void Journal::Visit(absl::FunctionRef<void(const std::shared_ptr<const Snapshot>&)> visit) const {
  MutexLock lock(&mutex_);
  visit(snapshot_);
}

std::vector<std::shared_ptr<const Snapshot>> Journal::Passed() const {
  std::vector<std::shared_ptr<const Snapshot>> held;
  MutexLock lock(&mutex_);
  for (const std::weak_ptr<const Snapshot>& each : passed_) {
    if (std::shared_ptr<const Snapshot> snapshot = each.lock()) held.push_back(std::move(snapshot));
  }
  return held;
}

int64_t Journal::durable_step() {
  const uint64_t synced = keeper_ == nullptr ? 0 : keeper_->synced();
  MutexLock lock(&mutex_);
  CountDurable(synced);
  return durable_step_;
}

void Journal::CountDurable(uint64_t synced) {
  while (!unsynced_.empty() && unsynced_.front().first <= synced) {
    durable_step_ = unsynced_.front().second;
    unsynced_.pop_front();
  }
}

bool Journal::failed() const {
  MutexLock lock(&mutex_);
  return !failure_.ok();
}

bool Journal::idle() const {
  MutexLock lock(&mutex_);
  return pending_.empty();
}

void Journal::Show(std::shared_ptr<const ModelSettings> settings,
                   std::shared_ptr<const engine::Network> network, ModelState state) {
  auto snapshot = std::make_shared<const Snapshot>(settings, network, state);
  MutexLock lock(&mutex_);
  CHAINRULE_CHECK(pending_.empty());
  settings_ = std::move(settings);
  network_ = std::move(network);
  snapshot = Replace(std::move(snapshot));
  failure_ = absl::OkStatus();
  unsynced_.clear();
  durable_step_ = keeper_ == nullptr ? 0 : state.step;
}

void Journal::ShowSteps(ModelState state) {
  std::shared_ptr<const Snapshot> last;  // freed, if it is, after the lock
  MutexLock lock(&mutex_);
  last = Replace(std::make_shared<const Snapshot>(settings_, network_, std::move(state)));
}

void Journal::Hide() {
  std::shared_ptr<const Snapshot> last;
  MutexLock lock(&mutex_);
  last = Replace(nullptr);
}

uint64_t Journal::Commit(Change change) {
  if (keeper_ == nullptr) {
    CommitInMemory(&change);
    return 0;
  }
  const int64_t step = change.step;
  RecordKey key = std::move(change.key);
  std::string record = std::move(change.record);
  Queue(std::move(change));
  // The log answers a model's records in their order, so each answer is of the first that
  // waits.
  const uint64_t sequence =
      keeper_->Append(std::move(key), std::move(record),
                      [self = shared_from_this()](const absl::Status& status, uint64_t synced) {
                        self->Decide(status, synced);
                      });
  if (!keeper_->options().relaxed) return sequence;
  MutexLock lock(&mutex_);
  if (failure_.ok()) unsynced_.emplace_back(sequence, step);
  return sequence;
}

void Journal::CommitInMemory(Change* change) {
  {
    std::shared_ptr<const Snapshot> last;
    MutexLock lock(&mutex_);
    last = Publish(change);
  }
  change->done(absl::OkStatus(), 0);
}

void Journal::Queue(Change change) {
  std::shared_ptr<const Snapshot> last;
  MutexLock lock(&mutex_);
  Pending pending;
  pending.done.push_back(std::exchange(change.done, nullptr));
  if (keeper_->options().relaxed) last = Publish(&change);
  pending.change = std::move(change);
  pending_.push_back(std::move(pending));
}

void Journal::Then(Done done) {
  absl::Status failure;
  int64_t durable_step = 0;
  {
    MutexLock lock(&mutex_);
    if (!pending_.empty()) {
      pending_.back().done.push_back(std::move(done));
      return;
    }
    failure = failure_;
    durable_step = durable_step_;
  }
  done(failure, durable_step);
}

// Whom nobody but the journal has when it goes, nobody gets any more.
std::shared_ptr<const Snapshot> Journal::Replace(std::shared_ptr<const Snapshot> snapshot) {
  std::erase_if(passed_, [](const auto& each) { return each.expired(); });
  if (snapshot_ != nullptr && snapshot_.use_count() > 1) passed_.emplace_back(snapshot_);
  return std::exchange(snapshot_, std::move(snapshot));
}

std::shared_ptr<const Snapshot> Journal::Publish(Change* change) {
  if (change->settings != nullptr) {
    settings_ = std::move(change->settings);
    network_ = std::move(change->network);
  }
  ModelState state =
      change->state.has_value() ? *std::exchange(change->state, std::nullopt) : snapshot_->state();
  return Replace(std::make_shared<const Snapshot>(settings_, network_, std::move(state)));
}

void Journal::Decide(const absl::Status& status, uint64_t synced) {
  std::shared_ptr<const Snapshot> last;
  absl::Status answer;
  int64_t durable_step = 0;
  {
    MutexLock lock(&mutex_);
    // After one that was refused a later one means nothing.
    if (failure_.ok()) failure_ = status;
    Change& change = pending_.front().change;
    if (!failure_.ok()) {
      unsynced_.clear();
    } else if (keeper_->options().relaxed) {
      CountDurable(synced);
    } else {
      last = Publish(&change);
      durable_step_ = change.step;
    }
    answer = failure_;
    durable_step = durable_step_;
  }
  Answer(answer, durable_step);
}

// What is added while others are answered is answered after them.
void Journal::Answer(const absl::Status& status, int64_t durable_step) {
  while (true) {
    std::vector<Done> done;
    {
      MutexLock lock(&mutex_);
      done.swap(pending_.front().done);
      if (done.empty()) {
        pending_.pop_front();
        return;
      }
    }
    for (Done& next : done) std::exchange(next, nullptr)(status, durable_step);
  }
}

}  // namespace chainrule::server
