#include "server/convert/weights.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/digest.h"
#include "server/convert/layer_tensors.h"
#include "server/convert/reply_size.h"
#include "server/convert/tensors.h"
#include "server/convert/write_options.h"

namespace chainrule::server {
namespace {

int64_t LayerCount(const engine::NetworkSpec& network) {
  return static_cast<int64_t>(network.layers.size());
}

absl::StatusOr<int64_t> CheckSize(const std::vector<int64_t>& layers, const ModelContext& model) {
  ReplySize size;
  for (const int64_t layer : layers) {
    const int64_t units = LayerUnits(model.network(), layer);
    size.AddTensor(units, LayerInputs(model.network(), layer));
    size.AddTensor(1, units);
  }
  return size.Check("layer_indexes", *model.limits);
}

void Copy(engine::ConstMatrixView from, engine::MatrixView to) {
  for (int64_t i = 0; i < from.rows; ++i) std::ranges::copy(from.row(i), to.row(i).begin());
}

// What the views of a SetWeightsInput show: the message, and what had to be converted.
struct WeightsOwner {
  std::shared_ptr<const v1::SetWeightsRequest> request;
  std::vector<engine::Matrix> converted;
};

}  // namespace

absl::StatusOr<std::vector<int64_t>> CheckLayerIndexes(
    const google::protobuf::RepeatedField<int32_t>& indexes, const engine::NetworkSpec& network) {
  std::vector<int64_t> layers;
  LayerSet seen(network);
  for (int i = 0; i < indexes.size(); ++i) {
    const absl::Status status = seen.Add(indexes[i], absl::StrCat("layer_indexes[", i, "]"));
    if (!status.ok()) return status;
    layers.push_back(indexes[i]);
  }
  for (int64_t i = 0; indexes.empty() && i < LayerCount(network); ++i) layers.push_back(i);
  return layers;
}

absl::StatusOr<GetWeightsArguments> CheckGetWeights(const v1::GetWeightsRequest& request,
                                                    const ModelContext& model) {
  GetWeightsArguments arguments;
  auto layers = CheckLayerIndexes(request.layer_indexes(), model.network());
  if (!layers.ok()) return layers.status();
  arguments.layers = *std::move(layers);
  if (request.has_if_newer_than_step()) {
    const int64_t step = request.if_newer_than_step();
    if (step < 0) {
      return engine::InvalidField("if_newer_than_step", absl::StrCat(step, "; must be 0 or more"));
    }
    arguments.if_newer_than_step = step;
  }
  const auto encoding = ResolveEncoding(request.encoding(), nullptr);
  if (!encoding.ok()) return encoding.status();
  arguments.encoding = *encoding;
  const absl::StatusOr<int64_t> bytes = CheckSize(arguments.layers, model);
  if (!bytes.ok()) return bytes.status();
  arguments.reply_bytes = *bytes;
  return arguments;
}

void WriteWeights(const GetWeightsArguments& arguments, const engine::Network& network,
                  std::span<const float> parameters, int64_t model_step,
                  v1::GetWeightsResponse* response) {
  response->set_model_step(model_step);
  if (arguments.if_newer_than_step && model_step <= *arguments.if_newer_than_step) {
    response->set_unchanged(true);
    return;
  }
  for (const int64_t layer : arguments.layers) {
    v1::LayerTensors* message = response->add_layers();
    message->set_index(static_cast<int32_t>(layer));
    const engine::ConstMatrixView weights = network.weights(parameters, layer);
    Copy(weights, PlaceMatrix(weights.rows, weights.columns, arguments.encoding,
                              message->mutable_weights()));
    const std::span<const float> bias = network.bias(parameters, layer);
    const auto length = static_cast<int64_t>(bias.size());
    Copy({bias.data(), 1, length},
         PlaceVector(length, arguments.encoding, message->mutable_biases()));
  }
}

absl::StatusOr<WriteOptions> CheckSetWeights(const v1::SetWeightsRequest& request,
                                             const ModelContext& model) {
  absl::StatusOr<WriteOptions> options = CheckWriteOptions(request);
  if (!options.ok()) return options;
  if (absl::Status layers = CheckLayerTensors(request.layers(), "layers", model); !layers.ok()) {
    return layers;
  }
  return options;
}

absl::StatusOr<SetWeightsInput> ReadSetWeights(std::shared_ptr<const v1::SetWeightsRequest> request,
                                               const ModelContext& model) {
  auto owner = std::make_shared<WeightsOwner>();
  auto layers = ReadLayerTensors(request->layers(), "layers", model, &owner->converted);
  if (!layers.ok()) return layers.status();
  SetWeightsInput input;
  input.layers = *std::move(layers);
  if (!request->request_id().empty()) input.digest = DigestMessage(*request);
  owner->request = std::move(request);
  input.owner = std::move(owner);
  return input;
}

void WriteSetWeightsReply(const SetWeightsReply& reply, v1::SetWeightsResponse* response) {
  response->set_model_step(reply.model_step);
  response->set_durable_step(reply.durable_step);
  response->set_replayed(reply.replayed);
}

}  // namespace chainrule::server
