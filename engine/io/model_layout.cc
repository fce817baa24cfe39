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
                       units,
                       inputs,
                       network.weights_stride(layer)});
    places->push_back(
        {name + ".bias", {units}, part, block + network.bias_offset(layer), 1, units, units});
  }
}

// A mean or a scale.
TensorPlace Vector(const char* name, ModelPart part, int64_t width) {
  return {name, {width}, part, 0, 1, width, width};
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
    places.push_back(Vector("normalization.mean", ModelPart::kInputsMean, width));
    places.push_back(Vector("normalization.scale", ModelPart::kInputsScale, width));
  }
  if (parts.target_normalization) {
    const int64_t width = network.spec().output_width();
    places.push_back(Vector("target_normalization.mean", ModelPart::kTargetsMean, width));
    places.push_back(Vector("target_normalization.scale", ModelPart::kTargetsScale, width));
  }
  return places;
}

}  // namespace chainrule::engine
