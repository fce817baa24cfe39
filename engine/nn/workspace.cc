#include "engine/nn/workspace.h"

#include <algorithm>

#include "engine/core/check.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kFloatsInALine = static_cast<int64_t>(kAlignmentBytes / sizeof(float));

// Room for a row of any layer.
int64_t WidestRow(const Network& network) {
  int64_t widest = 0;
  for (const LayerSpec& layer : network.spec().layers) {
    widest = std::max(widest, RowStride(layer.units));
  }
  return widest;
}

}  // namespace

Workspace::Workspace(const Network& network, int64_t capacity, WorkspaceOptions options)
    : capacity_(capacity), row_loss_(static_cast<size_t>(capacity)) {
  CHAINRULE_CHECK(capacity >= 1 && capacity <= kMaxBlockRows);
  inputs_ = Reserve(network.spec().input_width);
  targets_ = Reserve(network.spec().output_width());
  weights_ = Reserve(1);
  const Place turns[2] = {Reserve(WidestRow(network)), Reserve(WidestRow(network))};
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    LayerPlaces layer = ReserveLayer(network, l, options);
    layer.dz = {turns[l % 2].first, network.layer_units(l)};
    layers_.push_back(layer);
  }
  buffer_ = AlignedBuffer::Unset(static_cast<size_t>(size_));
}

Workspace::LayerPlaces Workspace::ReserveLayer(const Network& network, int64_t layer,
                                               WorkspaceOptions options) {
  const LayerSpec& spec = network.spec().layers[static_cast<size_t>(layer)];
  const bool last = layer + 1 == network.layer_count();  // the loss reads its z
  const bool has_z = last || options.keep_z || DerivativeNeedsZ(spec.activation.kind);
  const bool drops = options.dropout && !last && spec.dropout > 0.0F;
  LayerPlaces places;
  places.a = Reserve(spec.units);
  places.z = has_z ? Reserve(spec.units) : places.a;
  places.output = drops ? Reserve(spec.units) : places.a;
  if (drops) places.mask = Reserve(spec.units);
  return places;
}

Workspace::Place Workspace::Reserve(int64_t columns) {
  const Place place = {size_, columns};
  const int64_t floats = capacity_ * RowStride(columns);
  size_ += (floats + kFloatsInALine - 1) / kFloatsInALine * kFloatsInALine;
  return place;
}

MatrixView Workspace::View(Place place, int64_t rows) {
  if (place.columns == 0) return {};
  return {buffer_.data() + place.first, rows, place.columns, RowStride(place.columns)};
}

std::span<float> Workspace::weights(int64_t rows) {
  return {buffer_.data() + weights_.first, static_cast<size_t>(rows)};
}

std::span<double> Workspace::row_loss(int64_t rows) {
  return std::span<double>(row_loss_).first(static_cast<size_t>(rows));
}

}  // namespace chainrule::engine
