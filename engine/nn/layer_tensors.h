// LayerTensors: something in the shapes of one layer's parameters: new ones, or gradients.
// Borrows what the views show.
#ifndef CHAINRULE_ENGINE_NN_LAYER_TENSORS_H_
#define CHAINRULE_ENGINE_NN_LAYER_TENSORS_H_

#include <cstdint>

#include "engine/core/matrix.h"

namespace chainrule::engine {

// What is absent has null data.
struct LayerTensors {
  int64_t index = 0;        // the layer, from 0
  ConstMatrixView weights;  // [units × inputs]
  ConstMatrixView biases;   // [1 × units]
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_LAYER_TENSORS_H_
