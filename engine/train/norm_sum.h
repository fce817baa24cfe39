// NormSum: the norm of a gradient that comes in parts, from several threads in any order.
// The parts' sums are added in the order of their places, so that the bits depend on the
// parts alone.
#ifndef CHAINRULE_ENGINE_TRAIN_NORM_SUM_H_
#define CHAINRULE_ENGINE_TRAIN_NORM_SUM_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/mutex.h"
#include "engine/nn/network.h"

namespace chainrule::engine {

class NormSum {
 public:
  // Takes the memory that this network's parts need.
  explicit NormSum(const Network& network);

  // Forgets what was added.
  void Begin();
  // The elements from place `first` on. Thread-safe.
  void Add(int64_t first, std::span<const float> part);
  // Euclidean; not finite if one of the elements is not. After all parts.
  double Norm();

 private:
  struct Part {
    int64_t first;
    double squares;
  };

  Mutex mutex_;
  std::vector<Part> parts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_NORM_SUM_H_
