#include "server/convert/weights.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/digest.h"
#include "server/convert/names.h"
#include "server/convert/reply_size.h"
#include "server/convert/tensors.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

using engine::InvalidField;

int64_t LayerCount(const engine::NetworkSpec& network) {
  return static_cast<int64_t>(network.layers.size());
}

// Layers of a request, each of which may be named once.
class LayerSet {
 public:
  explicit LayerSet(const engine::NetworkSpec& network) : seen_(network.layers.size(), false) {}

  absl::Status Add(int64_t index, absl::string_view field) {
    const auto count = static_cast<int64_t>(seen_.size());
    if (index < 0 || index >= count) {
      return InvalidField(field, absl::StrCat(index, "; must be 0 to ", count - 1));
    }
    if (seen_[static_cast<size_t>(index)]) {
      return InvalidField(field, absl::StrCat(index, "; is named twice"));
    }
    seen_[static_cast<size_t>(index)] = true;
    return absl::OkStatus();
  }

 private:
  std::vector<bool> seen_;
};

absl::Status CheckSize(const std::vector<int64_t>& layers, const ModelContext& model) {
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

std::string LayerPath(int i) { return absl::StrCat("layers[", i, "]"); }

// The tensors of one layer of SetWeights; those absent have null data.
struct LayerView {
  TensorRows weights;
  TensorRows biases;
};

absl::StatusOr<LayerView> ViewLayer(const v1::LayerTensors& layer, absl::string_view field,
                                    const ModelContext& model) {
  const int64_t units = LayerUnits(model.network(), layer.index());
  const std::string expected_by =
      absl::StrCat("layer ", layer.index(), " of model '", model.id, "' has");
  LayerView view;
  if (layer.has_weights()) {
    const std::array<int64_t, 2> shape{units, LayerInputs(model.network(), layer.index())};
    const auto weights =
        CheckShape(layer.weights(), absl::StrCat(field, ".weights"), shape, expected_by);
    if (!weights.ok()) return weights.status();
    view.weights = *weights;
  }
  if (layer.has_biases()) {
    const std::array<int64_t, 1> shape{units};
    const auto biases =
        CheckShape(layer.biases(), absl::StrCat(field, ".biases"), shape, expected_by);
    if (!biases.ok()) return biases.status();
    view.biases = *biases;
  }
  return view;
}

absl::Status CheckLayers(const v1::SetWeightsRequest& request, const ModelContext& model) {
  LayerSet seen(model.network());
  bool any = false;
  for (int i = 0; i < request.layers_size(); ++i) {
    const v1::LayerTensors& layer = request.layers(i);
    const std::string field = LayerPath(i);
    if (absl::Status status = seen.Add(layer.index(), field + ".index"); !status.ok()) {
      return status;
    }
    if (const auto view = ViewLayer(layer, field, model); !view.ok()) return view.status();
    any = any || layer.has_weights() || layer.has_biases();
  }
  if (any) return absl::OkStatus();
  return InvalidField("layers", "no tensors; at least one is required");
}

// What the views of a SetWeightsInput show: the message, and what had to be converted.
struct WeightsOwner {
  std::shared_ptr<const v1::SetWeightsRequest> request;
  std::vector<engine::Matrix> converted;
};

bool IsAligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % alignof(float) == 0; }

engine::ConstMatrixView ViewOrConvert(const TensorRows& rows, WeightsOwner* owner) {
  const engine::ElementRows& elements = rows.elements;
  if (elements.data == nullptr) return {};
  if (elements.type == engine::ElementType::kFloat32 && IsAligned(elements.data)) {
    return {static_cast<const float*>(elements.data), rows.rows, elements.columns};
  }
  engine::Matrix matrix(rows.rows, elements.columns);
  for (int64_t i = 0; i < rows.rows; ++i) elements.CopyRow(i, matrix.view().row(i));
  owner->converted.push_back(std::move(matrix));
  return std::as_const(owner->converted.back()).view();
}

// A column as the row that it is in memory.
engine::ConstMatrixView AsRow(engine::ConstMatrixView column) {
  return {column.data, column.data == nullptr ? 0 : 1, column.rows};
}

absl::StatusOr<NewLayer> ReadLayer(const v1::LayerTensors& layer, const std::string& field,
                                   const ModelContext& model, WeightsOwner* owner) {
  const absl::StatusOr<LayerView> view = ViewLayer(layer, field, model);
  if (!view.ok()) return view.status();
  if (absl::Status weights = CheckFinite(view->weights, field + ".weights"); !weights.ok()) {
    return weights;
  }
  if (absl::Status biases = CheckFinite(view->biases, field + ".biases"); !biases.ok()) {
    return biases;
  }
  return NewLayer{layer.index(), ViewOrConvert(view->weights, owner),
                  AsRow(ViewOrConvert(view->biases, owner))};
}

}  // namespace

int64_t LayerInputs(const engine::NetworkSpec& network, int64_t layer) {
  return layer == 0 ? network.input_width : network.layers[static_cast<size_t>(layer) - 1].units;
}

int64_t LayerUnits(const engine::NetworkSpec& network, int64_t layer) {
  return network.layers[static_cast<size_t>(layer)].units;
}

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
  if (request.has_if_newer_than_step()) arguments.if_newer_than_step = request.if_newer_than_step();
  const auto encoding = ResolveEncoding(request.encoding(), nullptr);
  if (!encoding.ok()) return encoding.status();
  arguments.encoding = *encoding;
  if (absl::Status size = CheckSize(arguments.layers, model); !size.ok()) return size;
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
  WriteOptions options;
  auto request_id = ParseRequestId(request.request_id());
  if (!request_id.ok()) return request_id.status();
  options.request_id = *std::move(request_id);
  if (request.has_if_step()) {
    if (request.if_step() < 0) {
      return InvalidField("if_step", absl::StrCat(request.if_step(), "; must be 0 or more"));
    }
    options.if_step = request.if_step();
  }
  if (absl::Status layers = CheckLayers(request, model); !layers.ok()) return layers;
  return options;
}

absl::StatusOr<SetWeightsInput> ReadSetWeights(std::shared_ptr<const v1::SetWeightsRequest> request,
                                               const ModelContext& model) {
  if (absl::Status layers = CheckLayers(*request, model); !layers.ok()) return layers;
  SetWeightsInput input;
  input.digest = DigestMessage(*request);
  auto owner = std::make_shared<WeightsOwner>();
  for (int i = 0; i < request->layers_size(); ++i) {
    auto layer = ReadLayer(request->layers(i), LayerPath(i), model, owner.get());
    if (!layer.ok()) return layer.status();
    input.layers.push_back(*std::move(layer));
  }
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
