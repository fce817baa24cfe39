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
  for (size_t i = 0; i < losses.size(); ++i) {
    if (weights[i] != 0.0F) sum += static_cast<double>(weights[i]) * losses[i];  // 0·∞ is none
  }
  return sum;
}

BatchGradient::BatchGradient(const Network& network, const Normalization& normalization,
                             int64_t batch_rows, const Executor& executor)
    : network_(network),
      executor_(executor),
      chain_(network, executor),
      reader_(normalization),
      drops_(HasDropout(network.spec())),
      has_penalties_(HasPenalties(network.spec())),
      workspace_(network, std::min(batch_rows, kMaxBlockRows), {.dropout = drops_}),
      scratch_(executor.threads()) {}

absl::StatusOr<BatchLoss> BatchGradient::Compute(RowFeed* feed, int64_t rows,
                                                 std::span<const float> parameters, int64_t step,
                                                 std::span<float> gradient) {
  absl::StatusOr<BatchLoss> batch =
      AddBlocks(feed, rows, parameters, step, [&](const Block& block, float scale) {
        chain_.Backward(parameters, block.rows, scale, block.first ? 0.0F : 1.0F, &workspace_,
                        gradient);
      });
  if (batch.ok() && has_penalties_) batch->penalty = AddPenalties(network_, parameters, gradient);
  return batch;
}

// The parts are complete with the last block. Where that is the only one, no part needs
// a place of its own.
absl::StatusOr<BatchLoss> BatchGradient::ComputeInParts(RowFeed* feed, int64_t rows,
                                                        std::span<const float> parameters,
                                                        int64_t step, std::span<float> gradient,
                                                        GradientPart then) {
  const auto nothing = [](int64_t, std::span<const float>) {};
  return AddBlocks(feed, rows, parameters, step, [&](const Block& block, float scale) {
    if (block.first && block.last) {
      return chain_.BackwardInParts(parameters, block.rows, scale, &workspace_, &scratch_, gradient,
                                    then);
    }
    chain_.Backward(parameters, block.rows, scale, block.first ? 0.0F : 1.0F, &workspace_, gradient,
                    block.last ? then : GradientPart(nothing));
  });
}

absl::StatusOr<BatchLoss> BatchGradient::AddBlocks(RowFeed* feed, int64_t rows,
                                                   std::span<const float> parameters, int64_t step,
                                                   BackwardPass backward) {
  const absl::StatusOr<double> weight_sum = feed->WeightSum(rows);
  if (!weight_sum.ok()) return weight_sum.status();
  BatchLoss loss = {.weight_sum = *weight_sum};
  ChainDropout dropout = {.stream =
                              RandomStream(network_.spec().seed, RandomPurpose::kDropout, step)};
  const Batch batch = {feed, parameters, drops_ ? &dropout : nullptr, *weight_sum};
  for (int64_t first = 0; first < rows; first += workspace_.capacity()) {
    const int64_t count = std::min(workspace_.capacity(), rows - first);
    dropout.first_row = first;
    const Block block = {.rows = count, .first = first == 0, .last = first + count == rows};
    const absl::StatusOr<double> sum = AddBlock(batch, block, backward);
    if (!sum.ok()) return sum.status();
    loss.loss_sum += *sum;
  }
  return loss;
}

absl::StatusOr<double> BatchGradient::AddBlock(const Batch& batch, const Block& block,
                                               BackwardPass backward) {
  const int64_t count = block.rows;
  const std::span<float> weights = workspace_.weights(count);
  absl::Status read = reader_.Read(executor_, batch.feed, workspace_.inputs(count),
                                   workspace_.targets(count), weights);
  if (!read.ok()) return read;
  chain_.Forward(batch.parameters, count, batch.dropout, &workspace_);
  chain_.LossGradient(count, &workspace_);
  const double loss_sum = WeightedSum(workspace_.row_loss(count), weights);
  // 1/m once for all rows, or each row's own share. All that follows is linear in
  // dZ[L]: weighing it weighs the whole chain.
  auto scale = static_cast<float>(1.0 / batch.weight_sum);
  if (batch.feed->weighted()) {
    scale = 1.0F;
    ToShares(batch.weight_sum, weights);
    ScaleRows(weights, workspace_.dz(network_.layer_count() - 1, count));
  }
  backward(block, scale);
  return loss_sum;
}

double AddPenalties(const Network& network, std::span<const float> parameters,
                    std::span<float> gradient) {
  double penalty = 0;
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    const LayerSpec& layer = network.spec().layers[static_cast<size_t>(l)];
    if (layer.l1 == 0.0F && layer.l2 == 0.0F) continue;
    penalty += AddPenalty(layer.l1, layer.l2, network.weights(parameters, l),
                          network.weights(gradient, l));
  }
  return penalty;
}

}  // namespace chainrule::engine
