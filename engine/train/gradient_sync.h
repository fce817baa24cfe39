// GradientSync: the seam between backward and optimizer where workers that train one
// model on parts of a mini-batch agree on its gradient.  This process trains alone.
#ifndef CHAINRULE_ENGINE_TRAIN_GRADIENT_SYNC_H_
#define CHAINRULE_ENGINE_TRAIN_GRADIENT_SYNC_H_

#include <span>

#include "absl/status/status.h"

namespace chainrule::engine {

class GradientSync {
 public:
  virtual ~GradientSync() = default;
  // gradient ← Σ w·g / Σ w over the workers, the same bits on each; `weight_sum` is
  // this worker's w. Called once a step. An error ends the call before the step.
  virtual absl::Status Combine(double weight_sum, std::span<float> gradient) = 0;
  // Whether there is no other worker: then Combine would change nothing, need not be
  // called, and parts of the gradient may be used as soon as they are complete.
  virtual bool alone() const = 0;
};

// One worker: its gradient is the gradient.
class LocalGradientSync final : public GradientSync {
 public:
  absl::Status Combine(double, std::span<float>) override { return absl::OkStatus(); }
  bool alone() const override { return true; }
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_GRADIENT_SYNC_H_
