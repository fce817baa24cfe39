// Completion: a call's `done`, called exactly once.  Calling it twice, or dropping it
// without calling it, is a defect and ends the process: a caller would wait for ever.
// Thread-compatible; movable.
#ifndef CHAINRULE_SERVER_MODELS_COMPLETION_H_
#define CHAINRULE_SERVER_MODELS_COMPLETION_H_

#include <functional>
#include <utility>

#include "engine/core/check.h"

namespace chainrule::server {

template <typename... Args>
class Completion {
 public:
  explicit Completion(std::function<void(Args...)> done) : done_(std::move(done)) {
    CHAINRULE_CHECK(done_ != nullptr);
  }
  Completion(Completion&& other) noexcept : done_(std::exchange(other.done_, nullptr)) {}
  Completion& operator=(Completion&&) = delete;
  ~Completion() { CHAINRULE_CHECK(done_ == nullptr); }

  // What `done` holds is released before this returns.
  void operator()(Args... args) {
    CHAINRULE_CHECK(done_ != nullptr);
    std::exchange(done_, nullptr)(std::forward<Args>(args)...);
  }

 private:
  std::function<void(Args...)> done_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_COMPLETION_H_
