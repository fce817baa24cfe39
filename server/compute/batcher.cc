#include "server/compute/batcher.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/core/mutex.h"
#include "server/compute/batch.h"
#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

namespace {

// What one caller takes, from an answer to its next call, at most if it does little else:
// on a virtual machine each thread that is woken on a core at rest takes 50 to 100 µs.
constexpr absl::Duration kAwake = absl::Milliseconds(1);
// So many calls in turn that it is one caller, and not a gap among many: with many callers
// all cores have work, and nobody is to watch for more.
constexpr int kEnoughInTurn = 16;
// Longer than gRPC or a caller on this machine takes with the core; less than the slice of
// who computes.
constexpr absl::Duration kLongYield = absl::Microseconds(300);
constexpr int kCallsUntilRetry = 1'000;

// For a call that no numbers were found for.
std::shared_ptr<const Snapshot> SettingsAlone(const Model& model) {
  absl::StatusOr<std::shared_ptr<const ModelSettings>> settings = model.settings();
  if (!settings.ok()) settings = std::make_shared<const ModelSettings>();
  return std::make_shared<const Snapshot>(*std::move(settings), nullptr, engine::ModelState());
}

void Refuse(Batch* batch) {
  const auto snapshot = SnapshotOf(batch->front().call);
  for (QueuedPredict& predict : *batch) predict.done(Stopping(), *snapshot);
}

}  // namespace

class Batcher::Impl {
 public:
  Impl(const Options& options, const engine::Executor* executor);
  ~Impl();
  void Predict(PredictCall call);
  void Stop();

 private:
  // Numbers that are not in memory: a model, and its version or 0.
  using Cold = std::pair<std::shared_ptr<Model>, int64_t>;
  void WaitForNumbers(PredictCall call);
  void Load(const Cold& cold);
  void Queue(PredictCall call);
  void Loop();
  // Waits for work, for a while awake. False: there is none, and none will come.
  bool WaitForWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitAwake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends what waits and is cancelled.
  void FailWaiting();
  // The oldest call, and those of the same model that wait and fit in one batch with it.
  int64_t MaxRows(const PredictCall& call) const;
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const engine::Executor* const executor_;

  engine::Mutex mutex_;
  engine::CondVar changed_;
  Batch queue_ ABSL_GUARDED_BY(mutex_);  // of all models, in the order they came
  // Calls that wait for numbers, by what they wait for; each is read once for all of them.
  std::map<Cold, std::vector<PredictCall>> cold_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Whether a worker watches `arrivals_`, so that none needs to be woken.
  bool awake_ ABSL_GUARDED_BY(mutex_) = false;
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;  // workers that wait
  // Calls in a row that came alone and soon, as from one caller that waits for each answer;
  // negative while nobody is to watch for them.
  int in_turn_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<uint64_t> arrivals_{0};
  std::vector<std::thread> threads_;
};

Batcher::Impl::Impl(const Options& options, const engine::Executor* executor)
    : options_(options), executor_(executor) {
  for (int i = 0; i < options.workers; ++i) threads_.emplace_back([this] { Loop(); });
}

Batcher::Impl::~Impl() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
}

void Batcher::Impl::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
}

void Batcher::Impl::Predict(PredictCall call) {
  if (call.pinned != nullptr) return Queue(std::move(call));
  if (call.version == 0) call.seen = call.model->snapshot();
  if (call.seen != nullptr) return Queue(std::move(call));
  WaitForNumbers(std::move(call));
}

// Predictions with other models do not wait for this one's disk.
void Batcher::Impl::WaitForNumbers(PredictCall call) {
  const Cold cold(call.model, call.version);
  {
    MutexLock lock(&mutex_);
    std::vector<PredictCall>& waiting = cold_[cold];
    waiting.push_back(std::move(call));
    if (waiting.size() > 1) return;
  }
  if (!options_.loader) return Load(cold);
  options_.loader([this, cold] { Load(cold); });
}

void Batcher::Impl::Load(const Cold& cold) {
  const auto& [model, version] = cold;
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      version > 0 ? model->LoadVersion(version) : model->Load();
  std::vector<PredictCall> calls;
  {
    MutexLock lock(&mutex_);
    calls = std::move(cold_.extract(cold).mapped());
  }
  for (PredictCall& call : calls) {
    if (snapshot.ok()) {
      (version > 0 ? call.pinned : call.seen) = *snapshot;
      Queue(std::move(call));
    } else {
      call.done(snapshot.status(), *SettingsAlone(*model));
    }
  }
}

void Batcher::Impl::Queue(PredictCall call) {
  // The node is made before the lock is taken; within it calls only change lists, and wake:
  // once it is given back the call may be answered, and the batcher gone with the last one.
  Batch one;
  one.emplace_back(std::move(call));
  {
    MutexLock lock(&mutex_);
    if (!stopping_) queue_.splice(queue_.end(), one);
    arrivals_.fetch_add(1, std::memory_order_release);
    if (!awake_) changed_.NotifyOne();
  }
  if (!one.empty()) Refuse(&one);
}

bool Batcher::Impl::WaitForWork() {
  if (queue_.empty() && !stopping_) {
    const absl::Time begin = absl::Now();
    ++idle_;
    if (in_turn_ >= kEnoughInTurn && !awake_) WaitAwake();
    while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
    const absl::Duration wait = absl::Now() - begin;
    const bool in_turn = queue_.size() == 1 && idle_ == options_.workers && wait < kAwake;
    in_turn_ = in_turn || in_turn_ < 0 ? in_turn_ + 1 : 0;
    --idle_;
  }
  return !queue_.empty();
}

// Yields rather than sleeps, so a call that comes need not wait until a sleeper has been
// woken. Where a yield takes long somebody else has work for the core, and a sleeper would
// be given it sooner: then it sleeps, and for many calls does not try again.
void Batcher::Impl::WaitAwake() {
  awake_ = true;
  const uint64_t seen = arrivals_.load(std::memory_order_relaxed);
  mutex_.Unlock();
  const absl::Time begin = absl::Now();
  absl::Time now = begin;
  bool crowded = false;
  while (arrivals_.load(std::memory_order_acquire) == seen && now - begin < kAwake && !crowded) {
    std::this_thread::yield();
    const absl::Time before = std::exchange(now, absl::Now());
    crowded = now - before > kLongYield;
  }
  mutex_.Lock();
  awake_ = false;
  if (crowded) in_turn_ = -kCallsUntilRetry;
}

void Batcher::Impl::FailWaiting() {
  Batch cancelled;
  {
    MutexLock lock(&mutex_);
    for (auto next = queue_.begin(); next != queue_.end();) {
      const auto current = next++;
      const engine::Cancellation* const cancellation = current->call.cancellation;
      if (cancellation == nullptr || cancellation->Check().ok()) continue;
      cancelled.splice(cancelled.end(), queue_, current);
    }
  }
  FailCancelled(&cancelled);
}

void Batcher::Impl::Loop() {
  BatchRunner runner(executor_, [this] { FailWaiting(); });
  for (;;) {
    Batch batch;
    bool stopping = false;
    {
      MutexLock lock(&mutex_);
      if (!WaitForWork()) return;
      batch = TakeBatch();
      stopping = stopping_;
      // Others that came while this worker watched were not announced.
      if (!queue_.empty()) changed_.NotifyOne();
    }
    if (stopping) {
      Refuse(&batch);
    } else {
      runner.Run(&batch);
    }
  }
}

int64_t Batcher::Impl::MaxRows(const PredictCall& call) const {
  const Snapshot* const snapshot = call.pinned != nullptr ? call.pinned.get() : call.seen.get();
  const int64_t floats = call.inputs.columns + snapshot->network().spec().output_width();
  const int64_t row_bytes = floats * static_cast<int64_t>(sizeof(float));
  return std::min(options_.max_batch_rows, options_.max_batch_bytes / row_bytes);
}

Batch Batcher::Impl::TakeBatch() {
  Batch batch;
  batch.splice(batch.end(), queue_, queue_.begin());
  const Model* const model = batch.front().call.model.get();
  const Snapshot* const pinned = batch.front().call.pinned.get();
  const int64_t max_rows = MaxRows(batch.front().call);
  int64_t rows = batch.front().call.rows;
  for (auto next = queue_.begin(); next != queue_.end() && rows < max_rows;) {
    const auto current = next++;
    if (current->call.model.get() != model || current->call.pinned.get() != pinned) continue;
    if (current->call.rows > max_rows - rows) continue;
    rows += current->call.rows;
    batch.splice(batch.end(), queue_, current);
  }
  return batch;
}

Batcher::Batcher(const Options& options, const engine::Executor* executor)
    : impl_(std::make_unique<Impl>(options, executor)) {}

Batcher::~Batcher() = default;

void Batcher::Predict(PredictCall call) { impl_->Predict(std::move(call)); }

void Batcher::Stop() { impl_->Stop(); }

}  // namespace chainrule::server
