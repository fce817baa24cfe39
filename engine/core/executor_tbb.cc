// oneTBB has one set of worker threads a process; an arena is a number of places
// for them and a priority in the contest for them.
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>

#include <optional>

#include "engine/core/check.h"
#include "engine/core/executor.h"
#include "engine/core/give_way.h"
#include "engine/core/mutex.h"

namespace chainrule::engine {
namespace {

using Limit = oneapi::tbb::global_control;

// oneTBB starts no more workers than the machine has cores unless it is told. Of
// several limits the smallest holds, so there is one, replaced when more is asked.
void AllowThreads(int threads) {
  static Mutex mutex;
  static auto allowed = static_cast<size_t>(oneapi::tbb::info::default_concurrency());
  static Limit* limit = nullptr;  // lives as long as the process
  const MutexLock lock(&mutex);
  const auto wanted = static_cast<size_t>(threads);
  if (wanted <= allowed) return;
  delete limit;
  limit = new Limit(Limit::max_allowed_parallelism, wanted);
  allowed = wanted;
}

oneapi::tbb::task_arena::priority TbbPriority(Executor::Priority priority) {
  return priority == Executor::Priority::kHigh ? oneapi::tbb::task_arena::priority::high
                                               : oneapi::tbb::task_arena::priority::normal;
}

// Has the workers of an arena give way.
class Manners : public oneapi::tbb::task_scheduler_observer {
 public:
  explicit Manners(oneapi::tbb::task_arena* arena) : task_scheduler_observer(*arena) {
    observe(true);
  }
  ~Manners() override { observe(false); }
  Manners(const Manners&) = delete;
  Manners& operator=(const Manners&) = delete;

 private:
  void on_scheduler_entry(bool is_worker) override {
    thread_local bool gives_way = false;
    if (!is_worker || gives_way) return;
    GiveWay();
    gives_way = true;
  }
};

}  // namespace

class Executor::Arena {
 public:
  Arena(int threads, Priority priority)
      : threads_(threads), tbb_(threads, /*reserved_for_masters=*/1, TbbPriority(priority)) {
    if (priority == Priority::kLow) manners_.emplace(&tbb_);
  }

  int threads() const { return threads_; }
  oneapi::tbb::task_arena& tbb() { return tbb_; }

 private:
  const int threads_;
  oneapi::tbb::task_arena tbb_;
  std::optional<Manners> manners_;
};

Executor::Executor(int threads, Priority priority) {
  CHAINRULE_CHECK(threads >= 1);
  AllowThreads(threads);
  arena_ = std::make_unique<Arena>(threads, priority);
}

Executor::~Executor() = default;

int Executor::threads() const { return arena_->threads(); }

void Executor::ParallelFor(int64_t count, absl::FunctionRef<void(int64_t)> task) const {
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      task(i);
      LetOthersRun();
    }
  };
  if (count <= 1 || arena_->threads() == 1) return run(0, count);
  const auto run_range = [&](const oneapi::tbb::blocked_range<int64_t>& range) {
    run(range.begin(), range.end());
  };
  // Isolated: a thread that waits for the last tasks takes no other caller's work
  // meanwhile, which may be long or need what this caller holds.
  const auto run_all = [&] {
    oneapi::tbb::this_task_arena::isolate([&] {
      oneapi::tbb::parallel_for(oneapi::tbb::blocked_range<int64_t>(0, count, 1), run_range,
                                oneapi::tbb::simple_partitioner());
    });
  };
  arena_->tbb().execute(run_all);
}

void Executor::Run(absl::FunctionRef<void()> work) const {
  if (arena_->threads() == 1) return work();
  arena_->tbb().execute(work);
}

}  // namespace chainrule::engine
