#include "server/convert/gradients.h"

#include <initializer_list>
#include <span>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/examples.h"
#include "server/convert/layer_tensors.h"
#include "server/convert/reply_size.h"
#include "server/convert/tensors.h"
#include "server/convert/violations.h"
#include "server/convert/weights.h"

namespace chainrule::server {
namespace {

constexpr int64_t kDefaultSamples = 100;
constexpr int64_t kMaxSamples = 10'000;
constexpr int64_t kActivationTensors = 4;  // z, a, dz, da

// A message of a streamed reply carries one row of input gradients at least.
constexpr int64_t kMaxStreamedColumns = int64_t{256} << 10;
constexpr int64_t kEnvelopeBytes = 256;

// `refused`: the targets that are not allowed here, for what is said of an unknown one.
template <typename Message>
absl::Status ReadTargets(const Message& message, GradientsArguments* arguments,
                         std::initializer_list<int> refused = {0}) {
  for (int i = 0; i < message.wrt_size(); ++i) {
    switch (message.wrt(i)) {
      case v1::GRADIENT_TARGET_PARAMETERS:
        arguments->parameters = true;
        break;
      case v1::GRADIENT_TARGET_INPUTS:
        arguments->inputs = true;
        break;
      case v1::GRADIENT_TARGET_ACTIVATIONS:
        arguments->activations = true;
        break;
      default:
        return engine::InvalidField(
            absl::StrCat("wrt[", i, "]"),
            UnknownEnum(message.wrt(i), *v1::GradientTarget_descriptor(), refused));
    }
  }
  if (message.wrt().empty()) arguments->parameters = true;
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CheckSize(const GradientsArguments& arguments, const ModelContext& model) {
  const engine::NetworkSpec& network = model.network();
  ReplySize size;
  for (const int64_t layer : arguments.layers) {
    const int64_t units = LayerUnits(network, layer);
    if (arguments.parameters) {
      size.AddTensor(units, LayerInputs(network, layer));
      size.AddTensor(1, units);
    }
    for (int64_t i = 0; arguments.activations && i < kActivationTensors; ++i) {
      size.AddTensor(arguments.rows, units);
    }
  }
  if (arguments.inputs) size.AddTensor(arguments.rows, network.input_width);
  if (arguments.example_norms) size.Add(arguments.rows, sizeof(double));
  return size.Check("wrt", *model.limits);
}

void PlaceParameters(int64_t layer, const engine::NetworkSpec& network, v1::TensorEncoding encoding,
                     engine::GradientOutputs::Layer* place, v1::LayerTensors* message) {
  const int64_t units = LayerUnits(network, layer);
  message->set_index(static_cast<int32_t>(layer));
  place->weights =
      PlaceMatrix(units, LayerInputs(network, layer), encoding, message->mutable_weights());
  place->bias = PlaceVector(units, encoding, message->mutable_biases()).row(0);
}

void PlaceActivations(int64_t layer, int64_t rows, const engine::NetworkSpec& network,
                      v1::TensorEncoding encoding, engine::GradientOutputs::Layer* place,
                      v1::LayerActivations* message) {
  const int64_t units = LayerUnits(network, layer);
  message->set_index(static_cast<int32_t>(layer));
  place->z = PlaceMatrix(rows, units, encoding, message->mutable_z());
  place->a = PlaceMatrix(rows, units, encoding, message->mutable_a());
  place->dz = PlaceMatrix(rows, units, encoding, message->mutable_dz());
  place->da = PlaceMatrix(rows, units, encoding, message->mutable_da());
}

std::span<double> PlaceNorms(int64_t rows, v1::GetGradientsResponse* response) {
  response->mutable_example_norms()->Resize(static_cast<int>(rows), 0);
  return {response->mutable_example_norms()->mutable_data(), static_cast<size_t>(rows)};
}

}  // namespace

absl::StatusOr<GradientsArguments> CheckGetGradients(const v1::GetGradientsRequest& request,
                                                     const ModelContext& model) {
  GradientsArguments arguments;
  if (absl::Status wrt = ReadTargets(request, &arguments); !wrt.ok()) return wrt;
  arguments.example_norms = request.example_norms();
  auto layers = CheckLayerIndexes(request.layer_indexes(), model.network());
  if (!layers.ok()) return layers.status();
  arguments.layers = *std::move(layers);
  const auto encoding = ResolveEncoding(request.encoding(), &request.examples().inputs());
  if (!encoding.ok()) return encoding.status();
  arguments.encoding = *encoding;
  const auto rows = CheckSomeExamples(request.examples(), "examples", model);
  if (!rows.ok()) return rows.status();
  arguments.rows = *rows;
  const absl::StatusOr<int64_t> bytes = CheckSize(arguments, model);
  if (!bytes.ok()) return bytes.status();
  arguments.reply_bytes = *bytes;
  return arguments;
}

absl::StatusOr<GradientsArguments> CheckGradientsHeader(const v1::StreamGradientsHeader& header,
                                                        const ModelContext& model) {
  GradientsArguments arguments;
  absl::Status wrt = ReadTargets(header, &arguments, {0, v1::GRADIENT_TARGET_ACTIVATIONS});
  if (!wrt.ok()) return wrt;
  if (arguments.activations) {
    return engine::InvalidField("wrt",
                                "GRADIENT_TARGET_ACTIVATIONS; a stream answers PARAMETERS and "
                                "INPUTS");
  }
  const int64_t most =
      std::min(kMaxStreamedColumns, (model.limits->max_message_bytes - kEnvelopeBytes) /
                                        static_cast<int64_t>(sizeof(float)));
  if (arguments.inputs && model.network().input_width > most) {
    return engine::InvalidField(
        "wrt",
        absl::StrCat("GRADIENT_TARGET_INPUTS; a stream answers rows of ", most, " inputs or less"));
  }
  auto layers = CheckLayerIndexes(header.layer_indexes(), model.network());
  if (!layers.ok()) return layers.status();
  arguments.layers = *std::move(layers);
  const auto encoding = ResolveEncoding(header.encoding(), nullptr);
  if (!encoding.ok()) return encoding.status();
  arguments.encoding = *encoding;
  return arguments;
}

engine::GradientOutputs PlaceGradients(const GradientsArguments& arguments,
                                       const engine::NetworkSpec& network,
                                       v1::GetGradientsResponse* response) {
  engine::GradientOutputs outputs;
  outputs.layers.resize(network.layers.size());
  for (const int64_t layer : arguments.layers) {
    engine::GradientOutputs::Layer* place = &outputs.layers[static_cast<size_t>(layer)];
    if (arguments.parameters) {
      PlaceParameters(layer, network, arguments.encoding, place, response->add_layers());
    }
    if (arguments.activations) {
      PlaceActivations(layer, arguments.rows, network, arguments.encoding, place,
                       response->add_activations());
    }
  }
  if (arguments.inputs) {
    outputs.inputs = PlaceMatrix(arguments.rows, network.input_width, arguments.encoding,
                                 response->mutable_input_gradients());
  }
  if (arguments.example_norms) outputs.example_norms = PlaceNorms(arguments.rows, response);
  return outputs;
}

void WriteGradientSummary(const engine::GradientSummary& summary, int64_t model_step,
                          v1::GetGradientsResponse* response) {
  response->set_loss(summary.loss);
  response->set_penalty(summary.penalty);
  response->set_weight_sum(summary.weight_sum);
  response->set_model_step(model_step);
}

absl::StatusOr<int64_t> CheckCheckGradients(const v1::CheckGradientsRequest& request,
                                            const ModelContext& model) {
  if (request.samples() < 0 || request.samples() > kMaxSamples) {
    return engine::InvalidField("samples",
                                absl::StrCat(request.samples(), "; must be 0 to ", kMaxSamples));
  }
  const auto rows = CheckSomeExamples(request.examples(), "examples", model);
  if (!rows.ok()) return rows.status();
  return request.samples() == 0 ? kDefaultSamples : request.samples();
}

void WriteGradientCheck(const engine::GradientCheck& check, int64_t model_step,
                        v1::CheckGradientsResponse* response) {
  response->set_max_relative_error(check.max_relative_error);
  response->set_samples(check.checked);
  response->set_model_step(model_step);
  v1::CheckedParameter* worst = response->mutable_worst();
  worst->set_layer_index(static_cast<int32_t>(check.worst.layer));
  worst->set_is_bias(check.worst.bias);
  worst->set_unit(check.worst.row);
  worst->set_input(check.worst.column);
  worst->set_gradient(check.worst.gradient);
  worst->set_central_difference(check.worst.central_difference);
  worst->set_relative_error(check.worst.relative_error);
}

}  // namespace chainrule::server
