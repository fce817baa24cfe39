// Workers: threads that run short pieces of work in the order they came: what reads
// weights beside training (gradients, evaluations, checks) and lifecycle calls.
// Thread-safe.
#ifndef CHAINRULE_SERVER_COMPUTE_WORKERS_H_
#define CHAINRULE_SERVER_COMPUTE_WORKERS_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "engine/core/mutex.h"

namespace chainrule::server {

class Workers {
 public:
  explicit Workers(int threads);
  // Runs what was submitted, then stops.
  ~Workers();
  // Not once it is being destroyed.
  void Submit(std::function<void()> work);

 private:
  void Loop();
  std::function<void()> Next();  // empty: nothing more comes

  engine::Mutex mutex_;
  engine::CondVar changed_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_WORKERS_H_
