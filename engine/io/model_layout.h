// Which tensors a model's file has, and where in a ModelState the numbers of each stand.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_IO_MODEL_LAYOUT_H_
#define CHAINRULE_ENGINE_IO_MODEL_LAYOUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/nn/network.h"

namespace chainrule::engine {

enum class ModelPart : uint8_t {
  kParameters,
  kOptimizer,
  kInputsMean,
  kInputsScale,
  kTargetsMean,
  kTargetsScale,
};

// One tensor: rows of `columns` floats, `stride` apart, from `offset` in the part.
struct TensorPlace {
  std::string name;
  std::vector<int64_t> shape;
  ModelPart part = ModelPart::kParameters;
  int64_t offset = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;
};

struct ModelParts {
  bool optimizer = false;
  bool normalization = false;
  bool target_normalization = false;
};

// Arrays of optimizer state that this network's training keeps, each of a block's size.
int OptimizerArrays(const Network& network);

// The parameters' tensors and those of `parts`, each tensor once.
std::vector<TensorPlace> TensorPlaces(const Network& network, const ModelParts& parts);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_IO_MODEL_LAYOUT_H_
