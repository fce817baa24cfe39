#include "engine/io/fold_normalization.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace chainrule::engine {
namespace {

void FoldInputs(const Standardizer& inputs, MatrixView weights, std::span<float> bias) {
  for (int64_t unit = 0; unit < weights.rows; ++unit) {
    double sum = bias[static_cast<size_t>(unit)];
    for (int64_t column = 0; column < weights.columns; ++column) {
      const auto c = static_cast<size_t>(column);
      const double weight = static_cast<double>(weights(unit, column)) / inputs.scale[c];
      sum -= weight * inputs.mean[c];
      weights(unit, column) = static_cast<float>(weight);
    }
    bias[static_cast<size_t>(unit)] = static_cast<float>(sum);
  }
}

void FoldTargets(const Standardizer& targets, MatrixView weights, std::span<float> bias) {
  for (int64_t unit = 0; unit < weights.rows; ++unit) {
    const auto u = static_cast<size_t>(unit);
    const double scale = targets.scale[u];
    for (float& weight : weights.row(unit)) weight = static_cast<float>(weight * scale);
    bias[u] = static_cast<float>(bias[u] * scale + targets.mean[u]);
  }
}

}  // namespace

absl::StatusOr<ModelState> FoldNormalization(const Network& network, const ModelState& state) {
  const Normalization& normalization = *state.normalization;
  const int64_t last = network.layer_count() - 1;
  const Activation last_activation = network.spec().layers.back().activation.kind;
  if (!normalization.targets.empty() && last_activation != Activation::kIdentity) {
    return absl::InvalidArgumentError(
        "the targets' normalization folds into a last layer of IDENTITY only");
  }
  auto parameters = std::make_shared<AlignedBuffer>(state.parameters->size());
  const std::span<float> block = parameters->span();
  std::copy(state.parameters->span().begin(), state.parameters->span().end(), block.begin());
  if (!normalization.inputs.empty()) {
    FoldInputs(normalization.inputs, network.weights(block, 0), network.bias(block, 0));
  }
  if (!normalization.targets.empty()) {
    FoldTargets(normalization.targets, network.weights(block, last), network.bias(block, last));
  }
  ModelState folded;
  folded.parameters = std::move(parameters);
  folded.optimizer = std::make_shared<AlignedBuffer>(state.optimizer->size());
  folded.normalization = std::make_shared<Normalization>();
  folded.step = state.step;
  return folded;
}

}  // namespace chainrule::engine
