#include "server/compute/batcher.h"

#include <iterator>
#include <thread>
#include <utility>
#include <vector>

#include "engine/core/mutex.h"
#include "server/compute/batch.h"
#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

namespace {

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
  void Load(PredictCall call);
  void Queue(PredictCall call);
  void Loop();
  // The oldest call, and those of the same model that wait and fit in one batch with it.
  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const engine::Executor* const executor_;

  engine::Mutex mutex_;
  engine::CondVar changed_;
  Batch queue_ ABSL_GUARDED_BY(mutex_);  // of all models, in the order they came
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
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
  call.seen = call.model->snapshot();
  if (call.seen != nullptr) return Queue(std::move(call));
  if (!options_.loader) return Load(std::move(call));
  options_.loader([this, call = std::move(call)]() mutable { Load(std::move(call)); });
}

// Predictions with other models do not wait for this one's disk.
void Batcher::Impl::Load(PredictCall call) {
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot = call.model->Load();
  if (!snapshot.ok()) return call.done(snapshot.status(), *SettingsAlone(*call.model));
  call.seen = *std::move(snapshot);
  Queue(std::move(call));
}

void Batcher::Impl::Queue(PredictCall call) {
  // The node is made before the lock is taken; within it calls only change lists.
  Batch one;
  one.emplace_back(std::move(call));
  {
    MutexLock lock(&mutex_);
    if (!stopping_) queue_.splice(queue_.end(), one);
  }
  if (!one.empty()) return Refuse(&one);
  changed_.NotifyOne();
}

void Batcher::Impl::Loop() {
  BatchRunner runner(executor_);
  for (;;) {
    Batch batch;
    bool stopping = false;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (queue_.empty()) return;
      batch = TakeBatch();
      stopping = stopping_;
    }
    if (stopping) {
      Refuse(&batch);
    } else {
      runner.Run(&batch);
    }
  }
}

Batch Batcher::Impl::TakeBatch() {
  Batch batch;
  batch.splice(batch.end(), queue_, queue_.begin());
  const Model* const model = batch.front().call.model.get();
  const Snapshot* const pinned = batch.front().call.pinned.get();
  int64_t rows = batch.front().call.rows;
  for (auto next = queue_.begin(); next != queue_.end() && rows < options_.max_batch_rows;) {
    const auto current = next++;
    if (current->call.model.get() != model || current->call.pinned.get() != pinned) continue;
    if (current->call.rows > options_.max_batch_rows - rows) continue;
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
