#include "server/compute/batcher.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "engine/core/mutex.h"
#include "server/compute/batch.h"
#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

namespace {

// Multiply-adds that the thread which brings calls may do itself, for all of them that are
// here: some 50 to 100 µs, about what it takes to wake another thread.
constexpr int64_t kSmallWork = 2'000'000;

// For a call that no numbers were found for.
std::shared_ptr<const Snapshot> SettingsAlone(const Model& model) {
  absl::StatusOr<std::shared_ptr<const ModelSettings>> settings = model.settings();
  if (!settings.ok()) settings = std::make_shared<const ModelSettings>();
  return std::make_shared<const Snapshot>(*std::move(settings), nullptr, engine::ModelState());
}

const Snapshot& SnapshotInMemory(const PredictCall& call) {
  return call.pinned != nullptr ? *call.pinned : *call.seen;
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
  // Runs it on this thread, if it is small and no other thread is at work. False: it is not.
  bool RunHere(PredictCall* call);
  bool IsQuiet();
  void Loop();
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
  int at_work_ ABSL_GUARDED_BY(mutex_) = 0;  // workers that run a batch
  engine::Mutex here_mutex_;                 // of the one thread that runs a call itself
  BatchRunner here_ ABSL_GUARDED_BY(here_mutex_);
  std::vector<std::thread> threads_;
};

Batcher::Impl::Impl(const Options& options, const engine::Executor* executor)
    : options_(options), executor_(executor), here_(executor) {
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
  if (RunHere(&call)) return;
  Batch one;
  one.emplace_back(std::move(call));
  {
    MutexLock lock(&mutex_);
    if (!stopping_) queue_.splice(queue_.end(), one);
    changed_.NotifyOne();
  }
  if (!one.empty()) Refuse(&one);
}

bool Batcher::Impl::IsQuiet() {
  MutexLock lock(&mutex_);
  return queue_.empty() && at_work_ == 0 && !stopping_;
}

bool Batcher::Impl::RunHere(PredictCall* call) {
  const int64_t parameters = SnapshotInMemory(*call).network().parameter_count();
  if (call->calls_here < 1 || call->calls_here * call->rows * parameters > kSmallWork) return false;
  if (!IsQuiet() || !here_mutex_.TryLock()) return false;
  Batch one;
  one.emplace_back(std::move(*call));
  here_.Run(&one);
  here_mutex_.Unlock();
  return true;
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
      while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (queue_.empty()) return;
      batch = TakeBatch();
      stopping = stopping_;
      ++at_work_;
    }
    if (stopping) {
      Refuse(&batch);
    } else {
      runner.Run(&batch);
    }
    MutexLock lock(&mutex_);
    --at_work_;
  }
}

int64_t Batcher::Impl::MaxRows(const PredictCall& call) const {
  const int64_t floats =
      call.inputs.columns + SnapshotInMemory(call).network().spec().output_width();
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
