// Observer: who is told when something happens; nobody at first. Thread-safe: who is told may
// set another one.
#ifndef CHAINRULE_SERVER_MODELS_OBSERVER_H_
#define CHAINRULE_SERVER_MODELS_OBSERVER_H_

#include <functional>
#include <utility>

#include "engine/core/mutex.h"

namespace chainrule::server {

template <typename... What>
class Observer {
 public:
  using Function = std::function<void(const What&...)>;

  void Set(Function function) {
    engine::MutexLock lock(&mutex_);
    function_ = std::move(function);
  }
  void Tell(const What&... what) const {
    Function function;
    {
      engine::MutexLock lock(&mutex_);
      function = function_;
    }
    if (function) function(what...);
  }

 private:
  mutable engine::Mutex mutex_;
  Function function_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_OBSERVER_H_
