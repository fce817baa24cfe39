// The executor on plain threads: threads − 1 workers that take indices of the
// oldest loop that has any left. A caller works on its own loop, then waits for
// the indices that others took.
#include <deque>
#include <thread>
#include <vector>

#include "engine/core/check.h"
#include "engine/core/executor.h"
#include "engine/core/give_way.h"
#include "engine/core/mutex.h"

namespace chainrule::engine {
namespace {

struct Loop {
  absl::FunctionRef<void(int64_t)> task;
  int64_t count;
  int64_t next = 0;
  int64_t done = 0;
};

}  // namespace

class Executor::Arena {
 public:
  Arena(int threads, Priority priority) : threads_(threads) {
    for (int i = 1; i < threads; ++i) {
      workers_.emplace_back([this, priority] {
        if (priority == Priority::kLow) GiveWay();
        Work();
      });
    }
  }

  ~Arena() {
    {
      const MutexLock lock(&mutex_);
      stopping_ = true;
    }
    work_arrived_.NotifyAll();
    for (std::thread& worker : workers_) worker.join();
  }

  int threads() const { return threads_; }

  void RunLoop(Loop* loop) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    loops_.push_back(loop);
    work_arrived_.NotifyAll();
    while (loop->next < loop->count) RunNext(loop);
    while (loop->done < loop->count) loop_ended_.Wait(&mutex_);
  }

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    while (!stopping_) {
      if (loops_.empty()) {
        work_arrived_.Wait(&mutex_);
      } else {
        RunNext(loops_.front());
      }
    }
  }

  // Runs one index, unlocked meanwhile. A loop leaves the list with its last index.
  void RunNext(Loop* loop) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int64_t index = loop->next++;
    if (loop->next == loop->count) std::erase(loops_, loop);
    mutex_.Unlock();
    loop->task(index);
    LetOthersRun();
    mutex_.Lock();
    if (++loop->done == loop->count) loop_ended_.NotifyAll();
  }

  const int threads_;
  std::vector<std::thread> workers_;
  Mutex mutex_;
  CondVar work_arrived_;
  CondVar loop_ended_;
  std::deque<Loop*> loops_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

// A high priority has no meaning here: each executor has threads of its own.
Executor::Executor(int threads, Priority priority) {
  CHAINRULE_CHECK(threads >= 1);
  arena_ = std::make_unique<Arena>(threads, priority);
}

Executor::~Executor() = default;

int Executor::threads() const { return arena_->threads(); }

void Executor::ParallelFor(int64_t count, absl::FunctionRef<void(int64_t)> task) const {
  if (count <= 1 || arena_->threads() == 1) {
    for (int64_t i = 0; i < count; ++i) task(i);
    return;
  }
  Loop loop{.task = task, .count = count};
  arena_->RunLoop(&loop);
}

void Executor::Run(absl::FunctionRef<void()> work) const { work(); }

}  // namespace chainrule::engine
