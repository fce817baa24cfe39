#include "engine/train/model_state.h"

#include <utility>

namespace chainrule::engine {

ModelState InitialState(const Network& network, Normalization normalization) {
  const auto block = static_cast<size_t>(network.block_size());
  const OptimizerSpec& optimizer = network.spec().optimizer;
  const int arrays = StateArrays(optimizer.kind, static_cast<float>(optimizer.momentum));
  auto parameters = std::make_shared<AlignedBuffer>(block);
  network.Initialize(parameters->span());
  ModelState state;
  state.parameters = std::move(parameters);
  state.optimizer = std::make_shared<AlignedBuffer>(block * static_cast<size_t>(arrays));
  state.normalization = std::make_shared<Normalization>(std::move(normalization));
  return state;
}

}  // namespace chainrule::engine
