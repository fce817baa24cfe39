#include "engine/nn/network.h"

#include <algorithm>
#include <utility>

#include "engine/core/check.h"
#include "engine/core/checked_math.h"
#include "engine/nn/initializer.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kFloatsInALine = static_cast<int64_t>(kAlignmentBytes / sizeof(float));

// Up to the next 64-byte boundary, or nothing where that overflows.
std::optional<int64_t> RoundUp(int64_t floats) {
  const std::optional<int64_t> padded = CheckedAdd(floats, kFloatsInALine - 1);
  if (!padded) return std::nullopt;
  return *padded / kFloatsInALine * kFloatsInALine;
}

struct Size {
  int64_t parameters = 0;
  int64_t block = 0;
};

// Adds [rows × columns] parameters to what is there.
std::optional<Size> AddRun(Size size, int64_t rows, int64_t columns) {
  const std::optional<int64_t> count = CheckedMultiply(rows, columns);
  const std::optional<int64_t> floats = CheckedMultiply(rows, RowStride(columns));
  if (!count || !floats) return std::nullopt;
  const std::optional<int64_t> parameters = CheckedAdd(size.parameters, *count);
  const std::optional<int64_t> room = RoundUp(*floats);
  if (!parameters || !room) return std::nullopt;
  const std::optional<int64_t> block = CheckedAdd(size.block, *room);
  if (!block) return std::nullopt;
  return Size{*parameters, *block};
}

std::optional<Size> AddLayer(Size size, int64_t inputs, int64_t units) {
  const std::optional<Size> with_weights = AddRun(size, units, inputs);
  if (!with_weights) return std::nullopt;
  return AddRun(*with_weights, units, 1);
}

}  // namespace

std::optional<int64_t> ParameterCount(const NetworkSpec& spec) {
  std::optional<Size> size = Size{};
  int64_t inputs = spec.input_width;
  for (const LayerSpec& layer : spec.layers) {
    size = AddLayer(*size, inputs, layer.units);
    if (!size) return std::nullopt;
    inputs = layer.units;
  }
  if (!CheckedMultiply(size->block, sizeof(float))) return std::nullopt;
  return size->parameters;
}

Network::Network(NetworkSpec spec) : spec_(std::move(spec)) {
  Size size;
  for (int64_t l = 0; l < layer_count(); ++l) {
    const int64_t inputs = layer_inputs(l);
    const std::optional<Size> weights = AddRun(size, layer_units(l), inputs);
    CHAINRULE_CHECK(weights.has_value());
    places_.push_back({size.block, weights->block});
    const std::optional<Size> both = AddRun(*weights, layer_units(l), 1);
    CHAINRULE_CHECK(both.has_value());
    size = *both;
  }
  parameter_count_ = size.parameters;
  block_size_ = size.block;
}

int64_t Network::layer_inputs(int64_t layer) const {
  return layer == 0 ? spec_.input_width : layer_units(layer - 1);
}

ConstMatrixView Network::weights(std::span<const float> block, int64_t layer) const {
  return {block.data() + weights_offset(layer), layer_units(layer), layer_inputs(layer),
          weights_stride(layer)};
}

MatrixView Network::weights(std::span<float> block, int64_t layer) const {
  return {block.data() + weights_offset(layer), layer_units(layer), layer_inputs(layer),
          weights_stride(layer)};
}

std::span<const float> Network::bias(std::span<const float> block, int64_t layer) const {
  return block.subspan(static_cast<size_t>(bias_offset(layer)),
                       static_cast<size_t>(layer_units(layer)));
}

std::span<float> Network::bias(std::span<float> block, int64_t layer) const {
  return block.subspan(static_cast<size_t>(bias_offset(layer)),
                       static_cast<size_t>(layer_units(layer)));
}

AlignedBuffer Network::UnsetBlocks(int64_t count) const {
  const auto size = static_cast<size_t>(block_size_);
  AlignedBuffer blocks = AlignedBuffer::Unset(static_cast<size_t>(count) * size);
  for (int64_t k = 0; k < count; ++k) {
    ClearGaps(blocks.span().subspan(static_cast<size_t>(k) * size, size));
  }
  return blocks;
}

void Network::ClearGaps(std::span<float> block) const {
  const auto clear = [&](int64_t from, int64_t to) {
    std::fill(block.begin() + from, block.begin() + to, 0.0F);
  };
  int64_t end = 0;  // of what was looked at
  for (int64_t l = 0; l < layer_count(); ++l) {
    clear(end, weights_offset(l));
    for (int64_t unit = 0; unit < layer_units(l); ++unit) {
      const int64_t row = weights_offset(l) + unit * weights_stride(l);
      clear(row + layer_inputs(l), row + weights_stride(l));
    }
    clear(weights_offset(l) + layer_units(l) * weights_stride(l), bias_offset(l));
    end = bias_offset(l) + layer_units(l);
  }
  clear(end, block_size_);
}

void Network::Initialize(std::span<float> block) const {
  for (int64_t l = 0; l < layer_count(); ++l) {
    const RandomStream stream(spec_.seed, RandomPurpose::kInitializer, l);
    InitializeWeights(spec_.layers[static_cast<size_t>(l)].initializer, stream, weights(block, l));
    for (float& b : bias(block, l)) b = 0.0F;
  }
}

}  // namespace chainrule::engine
