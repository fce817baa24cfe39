// GradientSums: gradients of a batch whose rows come in any number of parts: what
// ComputeGradients gives for all of them, in memory that the network bounds.
// Single-threaded; the products inside use the executor.
#ifndef CHAINRULE_ENGINE_TRAIN_GRADIENT_SUMS_H_
#define CHAINRULE_ENGINE_TRAIN_GRADIENT_SUMS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "engine/train/gradients.h"

namespace chainrule::engine {

class GradientSums {
 public:
  // `network` and `state` are borrowed. `layers`: those whose parameters' gradients are
  // wanted, ascending; may be none.
  GradientSums(const Network& network, const ModelState& state, std::vector<int64_t> layers);

  // Adds the examples. `inputs`: [rows × input_width] for the derivative of each example's
  // own loss by its inputs, or null data. Fails as ComputeGradients; nothing is added then.
  absl::Status Add(const Examples& examples, MatrixView inputs, const Executor& executor,
                   const Cancellation& cancellation);

  // Over all rows so far.
  GradientSummary summary() const;

  // A layer's weights or its biases.
  struct Tensor {
    int64_t layer = 0;
    bool is_bias = false;
    int64_t size = 0;
  };
  const std::vector<Tensor>& tensors() const { return tensors_; }
  // elements ← tensor `index` of tensors(), from `offset` on.
  void Copy(size_t index, int64_t offset, std::span<float> elements) const;
  // What this takes, of such a network.
  static int64_t MemoryBytes(const Network& network, const std::vector<int64_t>& layers);

 private:
  const Network& network_;
  const ModelState& state_;
  std::vector<Tensor> tensors_;
  std::vector<std::vector<float>> parts_;  // of each tensor, the gradient of one part
  std::vector<std::vector<double>> sums_;  // Σ weight of the part · its gradient
  double loss_sum_ = 0;
  double weight_sum_ = 0;
  double penalty_ = 0;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_GRADIENT_SUMS_H_
