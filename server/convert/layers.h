// The parts of a spec that are the network itself: layers and loss.
#ifndef CHAINRULE_SERVER_CONVERT_LAYERS_H_
#define CHAINRULE_SERVER_CONVERT_LAYERS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "chainrule/v1/model.pb.h"
#include "engine/nn/spec.h"
#include "server/convert/violations.h"

namespace chainrule::server {

// `field` is the spec's path; what is wrong is added with paths below it.  As many layers
// as the spec has.
std::vector<engine::LayerSpec> ReadLayers(const v1::ModelSpec& spec, absl::string_view field,
                                          Violations* violations);
// Requires `last`, the last layer as read.
engine::LossFunction ReadLossFunction(const v1::ModelSpec& spec, const engine::LayerSpec& last,
                                      absl::string_view field, Violations* violations);

// The inverse of both.
void WriteLayers(const engine::NetworkSpec& network, v1::ModelSpec* spec);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_LAYERS_H_
