// EngineSteps: a training step and a gradient of one network on one batch, by the engine
// alone: what a call of the server cannot do without.
// Single-threaded, but for the threads that the products use.
#ifndef CHAINRULE_TESTS_BENCH_ENGINE_STEPS_H_
#define CHAINRULE_TESTS_BENCH_ENGINE_STEPS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"

namespace chainrule::bench {

class EngineSteps {
 public:
  // RELU layers, then a softmax; `rows` rows a batch; OpenBLAS is started by the first.
  EngineSteps(const std::vector<int64_t>& widths, int64_t rows, int threads);
  ~EngineSteps();

  // Of each a second, for about `turn`.
  double TrainRate(absl::Duration turn);
  double GradientsRate(absl::Duration turn);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::bench

#endif  // CHAINRULE_TESTS_BENCH_ENGINE_STEPS_H_
