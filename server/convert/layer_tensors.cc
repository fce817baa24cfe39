#include "server/convert/layer_tensors.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/tensors.h"

namespace chainrule::server {
namespace {

using engine::InvalidField;

// The tensors of one layer; those absent have null data.
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

bool IsAligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % alignof(float) == 0; }

engine::ConstMatrixView ViewOrConvert(const TensorRows& rows,
                                      std::vector<engine::Matrix>* converted) {
  const engine::ElementRows& elements = rows.elements;
  if (elements.data == nullptr) return {};
  if (elements.type == engine::ElementType::kFloat32 && IsAligned(elements.data)) {
    return {static_cast<const float*>(elements.data), rows.rows, elements.columns};
  }
  engine::Matrix matrix(rows.rows, elements.columns);
  for (int64_t i = 0; i < rows.rows; ++i) elements.CopyRow(i, matrix.view().row(i));
  converted->push_back(std::move(matrix));
  return std::as_const(converted->back()).view();
}

// A column as the row that it is in memory.
engine::ConstMatrixView AsRow(engine::ConstMatrixView column) {
  return {column.data, column.data == nullptr ? 0 : 1, column.rows};
}

absl::StatusOr<engine::LayerTensors> ReadLayer(const v1::LayerTensors& layer,
                                               const std::string& field, const ModelContext& model,
                                               std::vector<engine::Matrix>* converted) {
  const absl::StatusOr<LayerView> view = ViewLayer(layer, field, model);
  if (!view.ok()) return view.status();
  if (absl::Status weights = CheckFinite(view->weights, field + ".weights"); !weights.ok()) {
    return weights;
  }
  if (absl::Status biases = CheckFinite(view->biases, field + ".biases"); !biases.ok()) {
    return biases;
  }
  return engine::LayerTensors{layer.index(), ViewOrConvert(view->weights, converted),
                              AsRow(ViewOrConvert(view->biases, converted))};
}

std::string LayerPath(absl::string_view field, int i) { return absl::StrCat(field, "[", i, "]"); }

}  // namespace

int64_t LayerInputs(const engine::NetworkSpec& network, int64_t layer) {
  return layer == 0 ? network.input_width : network.layers[static_cast<size_t>(layer) - 1].units;
}

int64_t LayerUnits(const engine::NetworkSpec& network, int64_t layer) {
  return network.layers[static_cast<size_t>(layer)].units;
}

absl::Status LayerSet::Add(int64_t index, absl::string_view field) {
  const auto count = static_cast<int64_t>(seen_.size());
  if (index < 0 || index >= count) {
    return InvalidField(field, absl::StrCat(index, "; must be 0 to ", count - 1));
  }
  if (seen_[static_cast<size_t>(index)]) {
    return InvalidField(field, absl::StrCat(index, "; is named twice, must be named once"));
  }
  seen_[static_cast<size_t>(index)] = true;
  return absl::OkStatus();
}

absl::Status CheckLayerTensors(const LayerMessages& layers, absl::string_view field,
                               const ModelContext& model) {
  LayerSet seen(model.network());
  bool any = false;
  for (int i = 0; i < layers.size(); ++i) {
    const std::string path = LayerPath(field, i);
    if (absl::Status status = seen.Add(layers[i].index(), path + ".index"); !status.ok()) {
      return status;
    }
    if (const auto view = ViewLayer(layers[i], path, model); !view.ok()) return view.status();
    any = any || layers[i].has_weights() || layers[i].has_biases();
  }
  if (any) return absl::OkStatus();
  return InvalidField(field, "no tensors; at least one is required");
}

absl::StatusOr<std::vector<engine::LayerTensors>> ReadLayerTensors(
    const LayerMessages& layers, absl::string_view field, const ModelContext& model,
    std::vector<engine::Matrix>* converted) {
  if (absl::Status status = CheckLayerTensors(layers, field, model); !status.ok()) return status;
  std::vector<engine::LayerTensors> read;
  for (int i = 0; i < layers.size(); ++i) {
    auto layer = ReadLayer(layers[i], LayerPath(field, i), model, converted);
    if (!layer.ok()) return layer.status();
    read.push_back(*layer);
  }
  return read;
}

}  // namespace chainrule::server
