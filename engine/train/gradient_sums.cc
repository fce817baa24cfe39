#include "engine/train/gradient_sums.h"

#include <utility>

#include "engine/kernels/columns.h"

namespace chainrule::engine {

GradientSums::GradientSums(const Network& network, const ModelState& state,
                           std::vector<int64_t> layers)
    : network_(network), state_(state) {
  for (const int64_t layer : layers) {
    const int64_t units = network.layer_units(layer);
    tensors_.push_back({layer, false, units * network.layer_inputs(layer)});
    tensors_.push_back({layer, true, units});
  }
  for (const Tensor& tensor : tensors_) {
    parts_.emplace_back(static_cast<size_t>(tensor.size));
    sums_.emplace_back(static_cast<size_t>(tensor.size));
  }
}

int64_t GradientSums::MemoryBytes(const Network& network, const std::vector<int64_t>& layers) {
  int64_t elements = 0;
  for (const int64_t layer : layers) {
    elements += network.layer_units(layer) * (network.layer_inputs(layer) + 1);
  }
  return elements * static_cast<int64_t>(sizeof(float) + sizeof(double));
}

// The gradient of all is the mean of the parts' gradients, each counting for its weight; and
// as the penalties' gradient is the same in each, it is in the mean once.
absl::Status GradientSums::Add(const Examples& examples, MatrixView inputs,
                               const Executor& executor, const Cancellation& cancellation) {
  if (examples.rows() == 0) return absl::OkStatus();
  GradientOutputs outputs;
  outputs.layers.resize(static_cast<size_t>(network_.layer_count()));
  outputs.inputs = inputs;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    GradientOutputs::Layer& layer = outputs.layers[static_cast<size_t>(tensors_[i].layer)];
    if (tensors_[i].is_bias) {
      layer.bias = parts_[i];
    } else {
      layer.weights = {parts_[i].data(), network_.layer_units(tensors_[i].layer),
                       network_.layer_inputs(tensors_[i].layer)};
    }
  }
  const absl::StatusOr<GradientSummary> part =
      ComputeGradients(network_, state_, examples, outputs, executor, cancellation);
  if (!part.ok()) return part.status();
  for (size_t i = 0; i < sums_.size(); ++i) {
    AddScaled(part->weight_sum, parts_[i], sums_[i]);
  }
  loss_sum_ += part->weight_sum * part->loss;
  weight_sum_ += part->weight_sum;
  penalty_ = part->penalty;
  return absl::OkStatus();
}

GradientSummary GradientSums::summary() const {
  return {.loss = weight_sum_ > 0 ? loss_sum_ / weight_sum_ : 0,
          .penalty = penalty_,
          .weight_sum = weight_sum_};
}

void GradientSums::Copy(size_t index, int64_t offset, std::span<float> elements) const {
  const std::span<const double> sums =
      std::span<const double>(sums_[index]).subspan(static_cast<size_t>(offset), elements.size());
  Divide(sums, weight_sum_, elements);
}

}  // namespace chainrule::engine
