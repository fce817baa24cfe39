// Weights that one message does not hold.
#include "absl/strings/str_cat.h"
#include "client/lib/client.h"

namespace chainrule::client {
namespace {

// How often it is tried to get all layers of one step.
constexpr int kTries = 3;

}  // namespace

absl::StatusOr<v1::GetWeightsResponse> Client::GetWeightsByLayer(
    const v1::GetWeightsRequest& request) {
  v1::GetWeightsRequest part = request;
  if (part.layer_indexes().empty()) {
    const absl::StatusOr<v1::Model> model = GetModelOf(request.model());
    if (!model.ok()) return model.status();
    for (int i = 0; i < model->spec().layers_size(); ++i) part.add_layer_indexes(i);
  }
  const auto layers = part.layer_indexes();
  for (int tries = 0; tries < kTries; ++tries) {
    v1::GetWeightsResponse all;
    for (const int32_t layer : layers) {
      part.clear_layer_indexes();
      part.add_layer_indexes(layer);
      absl::StatusOr<v1::GetWeightsResponse> answer = GetWeights(part);
      if (!answer.ok() || answer->unchanged()) return answer;
      if (!all.layers().empty() && answer->model_step() != all.model_step()) break;
      all.set_model_step(answer->model_step());
      all.mutable_layers()->MergeFrom(answer->layers());
    }
    if (all.layers_size() == layers.size()) return all;
  }
  return absl::AbortedError(absl::StrCat(request.model(),
                                         " kept learning between its layers, which one message "
                                         "does not hold; ask for a version of it, or export it"));
}

}  // namespace chainrule::client
