#include "engine/train/apply_gradients.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "engine/core/check.h"
#include "engine/kernels/columns.h"
#include "engine/train/batch_gradient.h"
#include "engine/train/divergence.h"
#include "engine/train/optimizer.h"
#include "engine/train/schedule.h"

namespace chainrule::engine {
namespace {

// Elements of a task: enough that starting it does not show.
constexpr int64_t kShare = 16'384;
// Elements whose sums are held at once: 4 KiB, in the first-level cache.
constexpr int64_t kSums = 512;

// What one contribution has of a tensor, and its part of the mean.
struct Part {
  ConstMatrixView tensor;
  double share = 0;
};

// w / Σ w. The largest weight goes first, so that no sum overflows.
std::vector<double> Shares(std::span<const GradientContribution> contributions) {
  double largest = 0;
  for (const GradientContribution& each : contributions) largest = std::max(largest, each.weight);
  double sum = 0;
  for (const GradientContribution& each : contributions) sum += each.weight / largest;
  std::vector<double> shares;
  shares.reserve(contributions.size());
  for (const GradientContribution& each : contributions) {
    shares.push_back(each.weight / largest / sum);
  }
  return shares;
}

// mean[first…] ← Σ share · part of one row. The first part is not added to a zero, which
// would lose the sign of its own zeros.
void MeanOfSegment(std::span<const Part> parts, int64_t row, int64_t first, std::span<float> mean) {
  std::array<double, kSums> sums;
  const auto start = static_cast<size_t>(first);
  const std::span<double> some = std::span<double>(sums).first(mean.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::span<const float> values = parts[i].tensor.row(row).subspan(start, mean.size());
    if (i == 0) {
      SetScaled(parts[i].share, values, some);
    } else {
      AddScaled(parts[i].share, values, some);
    }
  }
  Divide(some, 1.0, mean);
}

void MeanOfRow(std::span<const Part> parts, int64_t row, std::span<float> mean) {
  const auto columns = static_cast<int64_t>(mean.size());
  for (int64_t first = 0; first < columns; first += kSums) {
    const int64_t count = std::min(kSums, columns - first);
    MeanOfSegment(parts, row, first,
                  mean.subspan(static_cast<size_t>(first), static_cast<size_t>(count)));
  }
}

void MeanOf(std::span<const Part> parts, const Executor& executor, MatrixView mean) {
  if (parts.empty()) return;
  const int64_t rows_each = std::max<int64_t>(1, kShare / mean.columns);
  executor.ParallelFor((mean.rows + rows_each - 1) / rows_each, [&](int64_t task) {
    const int64_t end = std::min(mean.rows, (task + 1) * rows_each);
    for (int64_t row = task * rows_each; row < end; ++row) MeanOfRow(parts, row, mean.row(row));
  });
}

}  // namespace

void MeanGradient(const Network& network, std::span<const GradientContribution> contributions,
                  const Executor& executor, std::span<float> mean) {
  CHAINRULE_CHECK(mean.size() == static_cast<size_t>(network.block_size()));
  const std::vector<double> shares = Shares(contributions);
  std::vector<std::vector<Part>> weights(static_cast<size_t>(network.layer_count()));
  std::vector<std::vector<Part>> biases(weights.size());
  for (size_t i = 0; i < contributions.size(); ++i) {
    for (const LayerTensors& layer : contributions[i].layers) {
      const auto l = static_cast<size_t>(layer.index);
      if (layer.weights.data != nullptr) weights[l].push_back({layer.weights, shares[i]});
      if (layer.biases.data != nullptr) biases[l].push_back({layer.biases, shares[i]});
    }
  }
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    MeanOf(weights[static_cast<size_t>(l)], executor, network.weights(mean, l));
    const std::span<float> bias = network.bias(mean, l);
    MeanOf(biases[static_cast<size_t>(l)], executor,
           {bias.data(), 1, static_cast<int64_t>(bias.size())});
  }
}

absl::StatusOr<ModelState> ApplyGradient(const Network& network, const ModelState& state,
                                         std::span<const float> gradient,
                                         const Executor& executor) {
  const std::span<const float> parameters = state.parameters->span();
  AlignedBuffer penalized;
  if (HasPenalties(network.spec())) {
    penalized = AlignedBuffer(gradient.size());
    std::ranges::copy(gradient, penalized.data());
    gradient = std::as_const(penalized).span();
    if (!std::isfinite(AddPenalties(network, parameters, penalized.span()))) {
      return Diverged("the penalty", state.step, 0);
    }
  }
  auto new_parameters = std::make_shared<AlignedBuffer>(parameters.size());
  auto new_optimizer = std::make_shared<AlignedBuffer>(state.optimizer->size());
  Optimizer optimizer(network);
  const Optimizer::WholeStep step =
      optimizer.Step(executor, ScheduledLearningRate(network.spec().optimizer, state.step),
                     state.optimizer_steps + 1,
                     {.parameters = parameters,
                      .gradient = gradient,
                      .state = state.optimizer->span(),
                      .new_parameters = new_parameters->span(),
                      .new_state = new_optimizer->span()});
  if (step.fault != nullptr) return Diverged(step.fault, state.step, 0);
  return ModelState{.parameters = std::move(new_parameters),
                    .optimizer = std::move(new_optimizer),
                    .normalization = state.normalization,
                    .step = state.step + 1,
                    .optimizer_steps = state.optimizer_steps + 1};
}

}  // namespace chainrule::engine
