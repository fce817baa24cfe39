#include "engine/train/batch_gradient.h"

#include <algorithm>

#include "engine/kernels/reduce.h"

namespace chainrule::engine {

bool HasDropout(const NetworkSpec& spec) {
  return std::any_of(spec.layers.begin(), spec.layers.end(),
                     [](const LayerSpec& layer) { return layer.dropout > 0.0F; });
}

bool HasPenalties(const NetworkSpec& spec) {
  return std::any_of(spec.layers.begin(), spec.layers.end(),
                     [](const LayerSpec& layer) { return layer.l1 != 0.0F || layer.l2 != 0.0F; });
}

void ToShares(double weight_sum, std::span<float> weights) {
  for (float& weight : weights) {
    weight = weight_sum > 0 ? static_cast<float>(static_cast<double>(weight) / weight_sum) : 0.0F;
  }
}

double WeightedSum(std::span<const double> losses, std::span<const float> weights) {
  double sum = 0;
  for (size_t i = 0; i < losses.size(); ++i) sum += static_cast<double>(weights[i]) * losses[i];
  return sum;
}

BatchGradient::BatchGradient(const Network& network, const Examples& examples,
                             const Normalization& normalization, int64_t batch_rows,
                             const Executor& executor)
    : network_(network),
      examples_(examples),
      executor_(executor),
      chain_(network, executor),
      reader_(examples, normalization),
      drops_(HasDropout(network.spec())),
      has_penalties_(HasPenalties(network.spec())),
      workspace_(network, std::min(batch_rows, kMaxBlockRows), {.dropout = drops_}) {}

BatchLoss BatchGradient::Compute(std::span<const int64_t> rows, std::span<const float> parameters,
                                 int64_t step, std::span<float> gradient) {
  return Compute(rows, parameters, step, gradient, [](int64_t, int64_t) {});
}

BatchLoss BatchGradient::Compute(std::span<const int64_t> rows, std::span<const float> parameters,
                                 int64_t step, std::span<float> gradient, GradientPart then) {
  BatchLoss batch;
  batch.weight_sum = examples_.WeightSum(rows);
  ChainDropout dropout = {.stream =
                              RandomStream(network_.spec().seed, RandomPurpose::kDropout, step)};
  const auto capacity = static_cast<size_t>(workspace_.capacity());
  const auto nothing = [](int64_t, int64_t) {};
  for (size_t first = 0; first < rows.size(); first += capacity) {
    const size_t count = std::min(capacity, rows.size() - first);
    const bool last = first + count == rows.size();
    dropout.first_row = static_cast<int64_t>(first);
    batch.loss_sum += AddBlock(rows.subspan(first, count), parameters, drops_ ? &dropout : nullptr,
                               batch.weight_sum, first == 0 ? 0.0F : 1.0F, gradient,
                               last ? then : GradientPart(nothing));
  }
  if (has_penalties_) batch.penalty = AddPenalties(parameters, gradient);
  return batch;
}

double BatchGradient::AddBlock(std::span<const int64_t> rows, std::span<const float> parameters,
                               const ChainDropout* dropout, double weight_sum, float keep,
                               std::span<float> gradient, GradientPart then) {
  const auto count = static_cast<int64_t>(rows.size());
  const std::span<float> weights = workspace_.weights(count);
  reader_.Read(executor_, rows, workspace_.inputs(count), workspace_.targets(count), weights);
  chain_.Forward(parameters, count, dropout, &workspace_);
  chain_.LossGradient(count, &workspace_);
  const double loss_sum = WeightedSum(workspace_.row_loss(count), weights);
  // 1/m once for all rows, or each row's own share. All that follows is linear in
  // dZ[L]: weighing it weighs the whole chain.
  auto scale = static_cast<float>(1.0 / weight_sum);
  if (examples_.weighted()) {
    scale = 1.0F;
    ToShares(weight_sum, weights);
    ScaleRows(weights, workspace_.dz(network_.layer_count() - 1, count));
  }
  chain_.Backward(parameters, count, scale, keep, &workspace_, gradient, then);
  return loss_sum;
}

double BatchGradient::AddPenalties(std::span<const float> parameters,
                                   std::span<float> gradient) const {
  double penalty = 0;
  for (int64_t l = 0; l < network_.layer_count(); ++l) {
    const LayerSpec& layer = network_.spec().layers[static_cast<size_t>(l)];
    if (layer.l1 == 0.0F && layer.l2 == 0.0F) continue;
    penalty += AddPenalty(layer.l1, layer.l2, network_.weights(parameters, l),
                          network_.weights(gradient, l));
  }
  return penalty;
}

}  // namespace chainrule::engine
