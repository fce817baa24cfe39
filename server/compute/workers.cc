#include "server/compute/workers.h"

#include <utility>

#include "engine/core/check.h"

namespace chainrule::server {

using engine::MutexLock;

Workers::Workers(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

Workers::~Workers() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::Submit(std::function<void()> work) {
  {
    MutexLock lock(&mutex_);
    CHAINRULE_CHECK(!stopping_);
    queue_.push_back(std::move(work));
  }
  changed_.NotifyOne();
}

void Workers::Loop() {
  while (std::function<void()> work = Next()) work();
}

std::function<void()> Workers::Next() {
  MutexLock lock(&mutex_);
  while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
  if (queue_.empty()) return nullptr;
  std::function<void()> work = std::move(queue_.front());
  queue_.pop_front();
  return work;
}

}  // namespace chainrule::server
