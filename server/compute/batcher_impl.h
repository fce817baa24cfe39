// Batcher::Impl and Batcher::Here::Impl. See batcher.h for what they do.
#ifndef CHAINRULE_SERVER_COMPUTE_BATCHER_IMPL_H_
#define CHAINRULE_SERVER_COMPUTE_BATCHER_IMPL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "engine/core/mutex.h"
#include "server/compute/batch.h"
#include "server/compute/batcher.h"

namespace chainrule::server {

class Batcher::Impl {
 public:
  Impl(const Options& options, const engine::Executor* executor);
  ~Impl();
  void Predict(PredictCall call);
  void Stop();

  bool IsStopping();
  const Options& options() const { return options_; }
  const engine::Executor* executor() const { return executor_; }

 private:
  // Numbers that are not in memory: a model, and its version or 0.
  using Cold = std::pair<std::shared_ptr<Model>, int64_t>;
  void WaitForNumbers(PredictCall call);
  void Load(const Cold& cold);
  void Queue(PredictCall call);
  void Loop();
  // Ends what waits and is cancelled.
  void FailWaiting();
  void FailCold();
  // Waits until something is queued, or the batcher stops; looks at who waits for the disk.
  void WaitForCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const engine::Executor* const executor_;

  engine::Mutex mutex_;
  engine::CondVar changed_;
  Batch queue_ ABSL_GUARDED_BY(mutex_);  // of all models, in the order they came
  // Calls that wait for numbers, by what they wait for; each is read once for all of them.
  std::map<Cold, std::vector<PredictCall>> cold_ ABSL_GUARDED_BY(mutex_);
  int loads_ ABSL_GUARDED_BY(mutex_) = 0;  // that were begun and have not ended
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

class Batcher::Here::Impl {
 public:
  explicit Impl(Batcher::Impl* batcher);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // This thread's; null: it has none.
  static Impl* OfThisThread();

  bool Takes(const Batcher::Impl& batcher, const PredictCall& call) const;
  void Add(PredictCall call);
  bool empty() const { return waiting_.empty(); }
  bool full() const;
  void Run();

 private:
  Batcher::Impl& batcher_;
  Batch waiting_;     // of all models, in the order they came
  int64_t work_ = 0;  // of what waits
  BatchRunner runner_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_BATCHER_IMPL_H_
