#include "client/lib/gradient_parts.h"

#include <utility>

#include "client/lib/append_rows.h"

namespace chainrule::client {
namespace {

// Of the layer that parts come of now: they come one layer after another.
v1::LayerTensors* LayerOf(int32_t index, v1::GetGradientsResponse* whole) {
  if (whole->layers().empty() || whole->layers().rbegin()->index() != index) {
    whole->add_layers()->set_index(index);
  }
  return &*whole->mutable_layers()->rbegin();
}

void AddPart(const v1::ModelSpec& spec, const v1::GradientPart& part,
             v1::GetGradientsResponse* whole) {
  const int32_t index = part.layer_index();
  const int64_t units = spec.layers(index).units();
  v1::LayerTensors* layer = LayerOf(index, whole);
  v1::Tensor* tensor = part.is_bias() ? layer->mutable_biases() : layer->mutable_weights();
  if (part.offset() == 0) {
    tensor->set_dtype(part.elements().dtype());
    tensor->add_shape(units);
    if (!part.is_bias()) {
      tensor->add_shape(index == 0 ? spec.input_width() : spec.layers(index - 1).units());
    }
  }
  AppendElements(part.elements(), tensor);
}

}  // namespace

void AddGradientPart(const v1::ModelSpec& spec, v1::StreamGradientsResponse& message,
                     v1::GetGradientsResponse* whole) {
  if (message.has_input_gradients()) {
    AppendRows(std::move(*message.mutable_input_gradients()), whole->mutable_input_gradients());
  } else if (message.has_summary()) {
    whole->set_loss(message.summary().loss());
    whole->set_penalty(message.summary().penalty());
    whole->set_weight_sum(message.summary().weight_sum());
    whole->set_model_step(message.summary().model_step());
  } else if (message.has_part() && message.part().layer_index() < spec.layers_size()) {
    AddPart(spec, message.part(), whole);
  }
}

}  // namespace chainrule::client
