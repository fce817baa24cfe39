#include "engine/nn/predictor.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/core/aligned_buffer.h"
#include "engine/core/check.h"
#include "engine/kernels/activation.h"
#include "engine/kernels/packed_layer.h"

namespace chainrule::engine {
namespace {

// Floats of a layer's inputs in a block of rows: they stay in a second-level cache
// while all of the layer's weights pass.
constexpr int64_t kBlockFloats = 131'072;
constexpr int64_t kMaxBlockRows = 240;
// Whole tiles, and the least that is worth another thread.
constexpr int64_t kRowStep = 8;
// Multiply-adds of a share, at least: half a millisecond, for who shares must be woken, and
// oneTBB has it watch for more work afterwards.
constexpr int64_t kShareWork = 32'000'000;
constexpr int64_t kLineFloats = kAlignmentBytes / sizeof(float);

int64_t RoundUp(int64_t count, int64_t step) { return (count + step - 1) / step * step; }

// A stride of an odd number of cache lines: rows that are a power of two apart would
// all compete for the same few places of the first-level cache.
int64_t ScratchStride(int64_t width) {
  return (RoundUp(width, kLineFloats) / kLineFloats | 1) * kLineFloats;
}

bool Crowds(ConstMatrixView x) { return x.rows > 1 && x.stride % (16 * kLineFloats) == 0; }

struct Layer {
  PackedLayer weights;
  std::vector<float> bias;
  ActivationFunction activation;
};

Layer PackLayer(const Network& network, std::span<const float> parameters, int64_t index) {
  const std::span<const float> bias = network.bias(parameters, index);
  return {.weights = PackedLayer(network.weights(parameters, index)),
          .bias = {bias.begin(), bias.end()},
          .activation = network.spec().layers[static_cast<size_t>(index)].activation};
}

// One thread's scratch.
struct Lane {
  AlignedBuffer floats;                    // a block's inputs and two layers' activations
  UnitOrder order = UnitOrder::kForwards;  // of the last block

  void Turn() {
    order = order == UnitOrder::kForwards ? UnitOrder::kBackwards : UnitOrder::kForwards;
  }
};

}  // namespace

struct Predictor::Packed {
  Packed(const Network& network, std::span<const float> parameters, const Normalization& units);

  int64_t input_width() const { return layers.front().weights.inputs(); }
  int64_t output_width() const { return layers.back().weights.units(); }
  int64_t lane_floats() const { return block_rows * (input_stride + 2 * hidden_stride); }

  void RunRows(ConstMatrixView inputs, MatrixView outputs, MatrixView logits, Lane* lane) const;
  void RunBlock(ConstMatrixView inputs, MatrixView outputs, MatrixView logits, Lane* lane) const;
  ConstMatrixView Standardize(ConstMatrixView inputs, float* place) const;
  void RunLast(ConstMatrixView x, MatrixView outputs, MatrixView logits, UnitOrder order) const;

  std::vector<Layer> layers;
  Normalization normalization;
  int64_t input_stride;
  int64_t hidden_stride = 0;
  int64_t block_rows;
  int64_t row_work = 1;  // multiply-adds
};

struct Predictor::Scratch::Buffers {
  std::vector<Lane> lanes;

  void Reserve(size_t count, size_t floats) {
    if (lanes.size() < count) lanes.resize(count);
    for (size_t i = 0; i < count; ++i) {
      if (lanes[i].floats.size() < floats) lanes[i].floats = AlignedBuffer(floats);
    }
  }
};

Predictor::Packed::Packed(const Network& network, std::span<const float> parameters,
                          const Normalization& units)
    : normalization(units) {
  int64_t widest = 1;
  for (int64_t i = 0; i < network.layer_count(); ++i) {
    layers.push_back(PackLayer(network, parameters, i));
    row_work += layers.back().weights.inputs() * layers.back().weights.units();
    widest = std::max(widest, layers.back().weights.inputs());
    if (i > 0)
      hidden_stride = std::max(hidden_stride, ScratchStride(layers.back().weights.inputs()));
  }
  input_stride = ScratchStride(input_width());
  block_rows = std::clamp(kBlockFloats / widest / kRowStep * kRowStep, kRowStep, kMaxBlockRows);
}

void Predictor::Packed::RunRows(ConstMatrixView inputs, MatrixView outputs, MatrixView logits,
                                Lane* lane) const {
  for (int64_t row = 0; row < inputs.rows; row += block_rows) {
    const int64_t count = std::min(block_rows, inputs.rows - row);
    const MatrixView block_logits = logits.data == nullptr ? logits : logits.Rows(row, count);
    RunBlock(inputs.Rows(row, count), outputs.Rows(row, count), block_logits, lane);
  }
}

void Predictor::Packed::RunBlock(ConstMatrixView inputs, MatrixView outputs, MatrixView logits,
                                 Lane* lane) const {
  lane->Turn();
  float* hidden = lane->floats.data() + block_rows * input_stride;
  float* next_hidden = hidden + block_rows * hidden_stride;
  ConstMatrixView x = Standardize(inputs, lane->floats.data());
  for (size_t i = 0; i + 1 < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const int64_t units = layer.weights.units();
    const MatrixView z(hidden, x.rows, units, ScratchStride(units));
    layer.weights.Multiply(x, z, lane->order);
    AddBiasActivate(layer.activation, layer.bias, z, z);
    x = z;
    std::swap(hidden, next_hidden);
  }
  RunLast(x, outputs, logits, lane->order);
}

// The inputs themselves where there is nothing to do to them.
ConstMatrixView Predictor::Packed::Standardize(ConstMatrixView inputs, float* place) const {
  if (normalization.inputs.empty() && !Crowds(inputs)) return inputs;
  const MatrixView x(place, inputs.rows, inputs.columns, input_stride);
  for (int64_t i = 0; i < x.rows; ++i) std::ranges::copy(inputs.row(i), x.row(i).begin());
  normalization.inputs.Apply(x);
  return x;
}

void Predictor::Packed::RunLast(ConstMatrixView x, MatrixView outputs, MatrixView logits,
                                UnitOrder order) const {
  const Layer& layer = layers.back();
  const MatrixView z = logits.data == nullptr ? outputs : logits;
  layer.weights.Multiply(x, z, order);
  AddBiasActivate(layer.activation, layer.bias, z, outputs);
  normalization.targets.Invert(outputs);
}

Predictor::Predictor(const Network& network, std::span<const float> parameters,
                     const Normalization& normalization)
    : packed_(std::make_unique<const Packed>(network, parameters, normalization)) {}

Predictor::~Predictor() = default;

void Predictor::Run(ConstMatrixView inputs, MatrixView outputs, MatrixView logits, Scratch* scratch,
                    const Executor* executor) const {
  CHAINRULE_CHECK(inputs.columns == packed_->input_width());
  CHAINRULE_CHECK(outputs.columns == packed_->output_width() && outputs.rows == inputs.rows);
  const int64_t lanes = executor == nullptr ? 1 : executor->threads();
  const int64_t wanted =
      std::max((inputs.rows + lanes - 1) / lanes, kShareWork / packed_->row_work);
  const int64_t share = RoundUp(std::max<int64_t>(wanted, 1), kRowStep);
  const int64_t count = (inputs.rows + share - 1) / share;
  scratch->buffers_->Reserve(static_cast<size_t>(count),
                             static_cast<size_t>(packed_->lane_floats()));
  const auto run_share = [&](int64_t index) {
    const int64_t row = index * share;
    const int64_t rows = std::min(share, inputs.rows - row);
    const MatrixView share_logits = logits.data == nullptr ? logits : logits.Rows(row, rows);
    packed_->RunRows(inputs.Rows(row, rows), outputs.Rows(row, rows), share_logits,
                     &scratch->buffers_->lanes[static_cast<size_t>(index)]);
  };
  if (count == 1) return run_share(0);
  if (count > 1) executor->ParallelFor(count, run_share);
}

int64_t Predictor::memory_bytes() const {
  int64_t bytes = 0;
  for (const Layer& layer : packed_->layers) {
    bytes += layer.weights.memory_bytes() + static_cast<int64_t>(layer.bias.size() * sizeof(float));
  }
  return bytes;
}

Predictor::Scratch::Scratch() : buffers_(std::make_unique<Buffers>()) {}

Predictor::Scratch::~Scratch() = default;

}  // namespace chainrule::engine
