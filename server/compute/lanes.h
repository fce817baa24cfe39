// TrainingLanes: threads that give models their turns to train, each for one mini-batch
// or 20 ms, in rotation. All share one executor's cores, and give way to what answers calls.
// Thread-safe.
#ifndef CHAINRULE_SERVER_COMPUTE_LANES_H_
#define CHAINRULE_SERVER_COMPUTE_LANES_H_

#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "engine/core/executor.h"
#include "engine/core/mutex.h"
#include "server/models/model.h"

namespace chainrule::server {

class TrainingLanes : public WriterScheduler {
 public:
  // `executor` outlives the lanes.
  TrainingLanes(int lanes, const engine::Executor* executor);
  // Runs what is scheduled to its end, then stops. Models' calls should have been
  // cancelled before (Registry::Stop), or this may take long.
  ~TrainingLanes() override;

  void Schedule(std::shared_ptr<Model> model) override;

 private:
  void Loop();
  std::shared_ptr<Model> Next();  // null: nothing more comes

  const engine::Executor* const executor_;
  engine::Mutex mutex_;
  engine::CondVar changed_;
  std::deque<std::shared_ptr<Model>> ready_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_LANES_H_
