#include "engine/io/model_layout.h"

#include "absl/strings/str_cat.h"

namespace chainrule::engine {
namespace {

// The layers of the block that begins at `block` in its part.
void AddBlock(const Network& network, const std::string& prefix, ModelPart part, int64_t block,
              std::vector<TensorPlace>* places) {
  for (int64_t layer = 0; layer < network.layer_count(); ++layer) {
    const int64_t units = network.layer_units(layer);
    const int64_t inputs = network.layer_inputs(layer);
    const std::string name = absl::StrCat(prefix, "layers.", layer);
    places->push_back({name + ".weight",
                       {units, inputs},
                       part,
                       block + network.weights_offset(layer),
                       units * inputs});
    places->push_back({name + ".bias", {units}, part, block + network.bias_offset(layer), units});
  }
}

}  // namespace

int OptimizerArrays(const Network& network) {
  const OptimizerSpec& optimizer = network.spec().optimizer;
  return StateArrays(optimizer.kind, static_cast<float>(optimizer.momentum));
}

std::vector<TensorPlace> TensorPlaces(const Network& network, const ModelParts& parts) {
  std::vector<TensorPlace> places;
  AddBlock(network, "", ModelPart::kParameters, 0, &places);
  for (int array = 0; parts.optimizer && array < OptimizerArrays(network); ++array) {
    AddBlock(network, absl::StrCat("optimizer.", array, "."), ModelPart::kOptimizer,
             array * network.block_size(), &places);
  }
  if (parts.normalization) {
    const int64_t width = network.spec().input_width;
    places.push_back({"normalization.mean", {width}, ModelPart::kInputsMean, 0, width});
    places.push_back({"normalization.scale", {width}, ModelPart::kInputsScale, 0, width});
  }
  if (parts.target_normalization) {
    const int64_t width = network.spec().output_width();
    places.push_back({"target_normalization.mean", {width}, ModelPart::kTargetsMean, 0, width});
    places.push_back({"target_normalization.scale", {width}, ModelPart::kTargetsScale, 0, width});
  }
  return places;
}

}  // namespace chainrule::engine
