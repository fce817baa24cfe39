// The floor of a training step: its bare matrix products and nothing else, in the
// contract's layout, on warm buffers: forward X·Wᵀ, weight gradient dZᵀ·X, input
// gradient dZ·W but for the first layer.
// Single-threaded, but for the threads that the products use.
#ifndef CHAINRULE_TESTS_BENCH_TRAINING_FLOOR_H_
#define CHAINRULE_TESTS_BENCH_TRAINING_FLOOR_H_

#include <cstdint>
#include <vector>

#include "engine/core/executor.h"
#include "engine/core/matrix.h"

namespace chainrule::bench {

class TrainingFloor {
 public:
  // `widths`: the input's and each layer's.
  TrainingFloor(std::vector<int64_t> widths, int64_t batch);

  // By one OpenBLAS call a product, with OpenBLAS's own threads (set by the caller).
  void RunOpenBlas();
  // By the tile grid, on the executor's threads.
  void RunGrid(const engine::Executor& executor);
  // The forward products alone, one OpenBLAS call each.
  void RunForward();

 private:
  struct Layer {
    engine::Matrix weights, dweights, a, da;
  };
  engine::ConstMatrixView Input(size_t layer) const;

  engine::Matrix inputs_;
  std::vector<Layer> layers_;
};

}  // namespace chainrule::bench

#endif  // CHAINRULE_TESTS_BENCH_TRAINING_FLOOR_H_
