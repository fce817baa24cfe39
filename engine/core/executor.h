// Executor: the one seam for running things in parallel.  On oneTBB arenas
// (executor_tbb.cc); on plain threads (executor_threads.cc) where CMake is told
// CHAINRULE_PLAIN_THREADS: ThreadSanitizer does not see the synchronisation inside
// oneTBB's library.
// Thread-safe: several threads may use one at a time and share its cores.
#ifndef CHAINRULE_ENGINE_CORE_EXECUTOR_H_
#define CHAINRULE_ENGINE_CORE_EXECUTOR_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"

namespace chainrule::engine {

class Executor {
 public:
  // Work of high priority gets threads before other work. Those that work for a low one
  // give way to all others, from then on, also between two tasks; the calling thread does if
  // it called GiveWay.
  enum class Priority { kLow, kNormal, kHigh };

  // Uses `threads` cores, the calling thread's included. Requires threads ≥ 1.
  explicit Executor(int threads, Priority priority = Priority::kNormal);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int threads() const;

  // Calls task(i) for each i of [0, count), in any order, on this thread and, if
  // there are more, on others; returns when all are done. One task, or one
  // thread, runs inline. Tasks must not throw. A task must be independent of the
  // others, so that the result does not depend on the number of threads.
  void ParallelFor(int64_t count, absl::FunctionRef<void(int64_t)> task) const;

  // Runs `work` inside the arena, so that the ParallelFor calls it makes need not
  // enter it one by one.
  void Run(absl::FunctionRef<void()> work) const;

 private:
  class Arena;
  std::unique_ptr<Arena> arena_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_EXECUTOR_H_
