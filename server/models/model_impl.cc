#include "server/models/model_impl.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "server/models/errors.h"
#include "server/store/errors.h"

namespace chainrule::server {

using engine::MutexLock;

Model::Impl::Impl(StoredModel stored, const Limits& limits, Keeper* keeper,
                  WriterScheduler* scheduler)
    : id_(stored.facts.id),
      uid_(stored.facts.uid),
      limits_(limits),
      keeper_(keeper),
      scheduler_(scheduler),
      journal_(std::make_shared<Journal>(keeper)),
      book_(keeper, std::move(stored)),
      queue_(id_),
      numbers_(id_, uid_, limits, keeper, journal_, [this] { return Describe(book_.facts()); }) {}

void Model::Impl::Begin(std::shared_ptr<const ModelSettings> settings, engine::ModelState state) {
  VisitTurn turn(&turn_);
  numbers_.Begin(std::move(settings), std::move(state));
  last_use_.store(absl::GetCurrentTimeNanos(), std::memory_order_relaxed);
}

std::shared_ptr<const Snapshot> Model::Impl::snapshot() const {
  last_use_.store(absl::GetCurrentTimeNanos(), std::memory_order_relaxed);
  return journal_->snapshot();
}

absl::StatusOr<std::shared_ptr<const Snapshot>> Model::Impl::Load() {
  if (auto snapshot = this->snapshot()) return snapshot;
  VisitTurn turn(&turn_);
  if (auto snapshot = journal_->snapshot()) return snapshot;
  if (absl::Status status = LoadNumbers(); !status.ok()) return status;
  return journal_->snapshot();
}

absl::Status Model::Impl::LoadNumbers() {
  absl::Status status = numbers_.Load(book_.facts().spec, book_.checkpoint());
  const bool damaged = status.code() == absl::StatusCode::kDataLoss;
  // Its files may have gone with it meanwhile.
  if (damaged && queue_.ended() == absl::StatusCode::kAborted) return ModelNotFound(id_);
  if (!status.ok() && !damaged) return status;
  if (damaged) {
    TellDamage(status);
    return status;
  }
  {
    MutexLock lock(&mutex_);
    cold_.Clear();
    inexact_ = numbers_.inexact();
  }
  keeper_->condition().Tell(id_, uid_, ModelCondition::kReady);
  keeper_->load().Tell();
  return absl::OkStatus();
}

void Model::Impl::TellDamage(const absl::Status& damage) {
  {
    MutexLock lock(&mutex_);
    if (!cold_.damage.ok()) return;
    cold_.damage = damage;
  }
  keeper_->damage().Tell(std::string(damage.message()));
  keeper_->condition().Tell(id_, uid_, ModelCondition::kFailed);
}

absl::StatusOr<StoredSettings> Model::Impl::settings() const {
  if (const auto snapshot = journal_->snapshot()) {
    return StoredSettings{snapshot->shared_settings(), snapshot->state().normalization};
  }
  MutexLock lock(&mutex_);
  if (!cold_.settings.has_value()) {
    absl::StatusOr<StoredSettings> settings = DecodeSettings(book_.facts().spec);
    if (!settings.ok()) return ModelDamaged(id_, settings.status().message());
    cold_.settings = *std::move(settings);
  }
  return *cold_.settings;
}

absl::Status Model::Impl::damage() const {
  MutexLock lock(&mutex_);
  return cold_.damage;
}

void Model::Impl::Enqueue(std::unique_ptr<Write> write, std::shared_ptr<Model> self) {
  const absl::StatusOr<bool> schedule = queue_.Push(&write);
  if (!schedule.ok()) return write->Fail(schedule.status());
  if (*schedule) scheduler_->Schedule(std::move(self));
}

bool Model::Impl::RunSlice(const engine::Executor& executor, absl::Time until) {
  absl::Status status;
  {
    SliceTurn turn(&turn_);
    last_use_.store(absl::GetCurrentTimeNanos(), std::memory_order_relaxed);
    FailCancelled();
    status = Prepare();
    if (status.ok()) return Advance(executor, until);
    FailRunning(status);
  }
  FailWaiting(status, executor);
  return queue_.NeedsTurn(false);
}

bool Model::Impl::Advance(const engine::Executor& executor, absl::Time until) {
  do {
    if (running_ == nullptr) running_ = queue_.TakeNext();
    if (running_ == nullptr) break;
    if (running_->Run(&numbers_, executor, until)) running_.reset();
  } while (absl::Now() < until && !journal_->failed());
  return queue_.NeedsTurn(running_ != nullptr);
}

// OK once the numbers are here, and can be changed.
absl::Status Model::Impl::Prepare() {
  if (keeper_ == nullptr) return absl::OkStatus();
  if (absl::Status status = keeper_->status(); !status.ok()) return status;
  if (!numbers_.loaded()) return LoadNumbers();
  if (journal_->failed()) return StorageFailed("what was written last is being read back");
  return absl::OkStatus();
}

// As readers are told, in memory or not.
int64_t Model::Impl::KnownStep() const {
  if (const auto snapshot = journal_->snapshot()) return snapshot->step();
  MutexLock lock(&mutex_);
  return cold_.tail_step.value_or(book_.checkpoint().step);
}

// Those who gave up while they wait behind others hear of it now, not at their turn.
void Model::Impl::FailCancelled() {
  for (std::unique_ptr<Write>& cancelled : queue_.TakeCancelled()) {
    const std::shared_ptr<Write> write = std::move(cancelled);
    const int64_t step = std::max(numbers_.state().step, KnownStep());
    absl::Status why = Interrupted(write->cancellation().Check(), id_, step);
    numbers_.Then(
        [write, why](const absl::Status& kept, int64_t) { write->Fail(kept.ok() ? why : kept); });
  }
}

void Model::Impl::FailRunning(const absl::Status& status) {
  if (running_ == nullptr) return;
  numbers_.SetTrainingBytes(0);
  std::exchange(running_, nullptr)->Fail(status);
}

// What was replayed to other bits must not be so again: the next processor's may differ
// from both.
absl::Status Model::Impl::Replay() {
  {
    VisitTurn turn(&turn_);
    const absl::Status status = numbers_.loaded() ? absl::OkStatus() : LoadNumbers();
    if (!status.ok()) return status;
    if (!numbers_.inexact()) return absl::OkStatus();
  }
  return WriteCheckpoint();
}

bool Model::Impl::needs_replay() const {
  MutexLock lock(&mutex_);
  return (cold_.tail_step.has_value() && cold_.damage.ok()) || inexact_;
}

// A checkpoint that is being written is finished before its place is read again.
void Model::Impl::Recover(std::vector<TailRecord> tail, const std::vector<LogDamage>& damage) {
  MutexLock checkpoints(&checkpoints_mutex_);
  VisitTurn turn(&turn_);
  if (numbers_.loaded() && !journal_->failed()) return;
  FailRunning(StorageFailed("what was written last is being read back"));
  const uint64_t covered = book_.checkpoint().sequence;
  std::erase_if(tail, [&](const TailRecord& record) { return record.sequence <= covered; });
  numbers_.Recover(std::move(tail), damage, covered);
  {
    MutexLock lock(&mutex_);
    cold_.tail_step = numbers_.TailStep();
    cold_.damage = absl::OkStatus();
  }
  if (!numbers_.damage().ok()) TellDamage(numbers_.damage());
}

bool Model::Impl::has_tail() const {
  MutexLock lock(&mutex_);
  return cold_.tail_step.has_value() && cold_.damage.ok();
}

std::optional<uint64_t> Model::Impl::first_uncovered() {
  VisitTurn turn(&turn_);
  return numbers_.first_uncovered();
}

std::optional<SequenceRange> Model::Impl::needed() {
  VisitTurn turn(&turn_);
  return numbers_.needed();
}

}  // namespace chainrule::server
