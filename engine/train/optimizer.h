// Optimizer: from a gradient to the next parameters, out of place, in one pass over
// the block.  Order: the global norm's clipping, then each element's, then the
// update with decoupled weight decay on weights, not on biases.
// Single-threaded (it has scratch memory); the pass uses the executor.
#ifndef CHAINRULE_ENGINE_TRAIN_OPTIMIZER_H_
#define CHAINRULE_ENGINE_TRAIN_OPTIMIZER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/executor.h"
#include "engine/kernels/update.h"
#include "engine/nn/network.h"

namespace chainrule::engine {

// What one update reads and writes: parameter blocks, and StateArrays blocks of state
// one after another.
struct UpdateBlocks {
  std::span<const float> parameters;
  std::span<const float> gradient;  // not read by UpdatePart
  std::span<const float> state;
  std::span<float> new_parameters;
  std::span<float> new_state;
};

class Optimizer {
 public:
  // `network` is borrowed.
  explicit Optimizer(const Network& network);

  // Whether Update needs the gradient's norm: it clips, and a clipped gradient no
  // longer shows that it was not finite.
  bool needs_norm() const { return clips_; }
  // Euclidean norm over all parameters; not finite if one of the elements is not.
  double GradientNorm(const Executor& executor, std::span<const float> gradient);

  // Writes the new blocks. `t`: this step's number since the state was zero, from 1.
  // `norm`: the gradient's, finite, looked at only if needs_norm(). Returns whether all
  // new parameters are finite, which they are not if an element of an unclipped
  // gradient is not; then the new blocks are worthless, the old ones untouched.
  bool Update(const Executor& executor, double learning_rate, int64_t t, double norm,
              const UpdateBlocks& blocks) const;

  // A step on a gradient that is whole: its norm, then Update.
  struct WholeStep {
    double norm = 0;              // of the gradient, before clipping
    const char* fault = nullptr;  // what is not finite, and why the step was not taken
  };
  WholeStep Step(const Executor& executor, double learning_rate, int64_t t,
                 const UpdateBlocks& blocks);

  // One step's update in parts, for gradients that become complete part by part. Bits
  // are those of Update. Requires !needs_norm().
  UpdateRule Rule(double learning_rate, int64_t t) const { return RuleOf(learning_rate, t, 0.0); }
  // Of the elements from `first` on, which are all weights or all biases, by their part
  // of the gradient. Thread-safe. Returns whether the new ones are finite.
  bool UpdatePart(const UpdateRule& rule, int64_t first, std::span<const float> gradient,
                  const UpdateBlocks& blocks) const;

 private:
  // Part of the block that is updated in one go.
  struct Run {
    int64_t first = 0;
    int64_t count = 0;
    bool decay = false;
  };

  void AddRuns(int64_t first, int64_t count, bool decay);
  bool UpdateRun(const UpdateRule& rule, const Run& run, std::span<const float> gradient,
                 const UpdateBlocks& blocks) const;
  UpdateRule RuleOf(double learning_rate, int64_t t, double norm) const;

  const OptimizerSpec spec_;
  const bool clips_;
  const int64_t block_size_;
  std::vector<Run> runs_;
  std::vector<double> partial_sums_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_OPTIMIZER_H_
