// Tensors in the shapes of a network's layers, as requests bring them: new parameters, or
// gradients.
#ifndef CHAINRULE_SERVER_CONVERT_LAYER_TENSORS_H_
#define CHAINRULE_SERVER_CONVERT_LAYER_TENSORS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/tensor.pb.h"
#include "engine/core/matrix.h"
#include "engine/nn/layer_tensors.h"
#include "engine/nn/spec.h"
#include "google/protobuf/repeated_field.h"
#include "server/convert/context.h"

namespace chainrule::server {

// A layer's shape: weights are [units × inputs].
int64_t LayerInputs(const engine::NetworkSpec& network, int64_t layer);
int64_t LayerUnits(const engine::NetworkSpec& network, int64_t layer);

// LayerSet: layers of a request, each of which may be named once.  Single-threaded.
class LayerSet {
 public:
  explicit LayerSet(const engine::NetworkSpec& network) : seen_(network.layers.size(), false) {}
  // Refuses what is no layer of the network, and one that was added before.
  absl::Status Add(int64_t index, absl::string_view field);

 private:
  std::vector<bool> seen_;
};

using LayerMessages = google::protobuf::RepeatedPtrField<v1::LayerTensors>;

// Constant cost for each tensor.  `field` is the path of `layers`.  Refuses what LayerSet
// does, other shapes than the network's, and layers without any tensor.
absl::Status CheckLayerTensors(const LayerMessages& layers, absl::string_view field,
                               const ModelContext& model);
// Linear.  Refuses also what is not finite.  The views show the message's own floats, or
// `*converted`, where what lies otherwise is added.
absl::StatusOr<std::vector<engine::LayerTensors>> ReadLayerTensors(
    const LayerMessages& layers, absl::string_view field, const ModelContext& model,
    std::vector<engine::Matrix>* converted);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_LAYER_TENSORS_H_
