#include "server/compute/lanes.h"

#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/core/give_way.h"

namespace chainrule::server {
namespace {

// Long enough that publishing a snapshot costs little of it, short enough that many
// models that train at once all move several times a second.
constexpr absl::Duration kTurn = absl::Milliseconds(20);

}  // namespace

using engine::MutexLock;

TrainingLanes::TrainingLanes(int lanes, const engine::Executor* executor) : executor_(executor) {
  for (int i = 0; i < lanes; ++i) threads_.emplace_back([this] { Loop(); });
}

TrainingLanes::~TrainingLanes() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void TrainingLanes::Schedule(std::shared_ptr<Model> model) {
  {
    MutexLock lock(&mutex_);
    ready_.push_back(std::move(model));
  }
  changed_.NotifyOne();
}

// A model that has more to do goes behind the others; its own lane is free to take it
// up again, so no other needs to be woken for it.
void TrainingLanes::Loop() {
  engine::GiveWay();
  while (std::shared_ptr<Model> model = Next()) {
    if (!model->RunSlice(*executor_, absl::Now() + kTurn)) continue;
    MutexLock lock(&mutex_);
    ready_.push_back(std::move(model));
  }
}

std::shared_ptr<Model> TrainingLanes::Next() {
  MutexLock lock(&mutex_);
  while (ready_.empty() && !stopping_) changed_.Wait(&mutex_);
  if (ready_.empty()) return nullptr;
  std::shared_ptr<Model> model = std::move(ready_.front());
  ready_.pop_front();
  return model;
}

}  // namespace chainrule::server
