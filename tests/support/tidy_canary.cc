// Wrong on purpose, and built into nothing: what the lint must find before it is believed.
#include "engine/core/mutex.h"

namespace chainrule::engine {

class Canary {
 public:
  int value() const { return value_; }

 private:
  Mutex mutex_;
  int value_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace chainrule::engine
