#include "server/models/state_codec.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/kernels/update.h"

namespace chainrule::server {
namespace {

using engine::AlignedBuffer;
using engine::Network;
using engine::Standardizer;

int64_t StateArraysOf(const Network& network) {
  const engine::OptimizerSpec& optimizer = network.spec().optimizer;
  return engine::StateArrays(optimizer.kind, static_cast<float>(optimizer.momentum));
}

void GetBlock(const Network& network, std::span<float> block, ByteReader* reader) {
  for (int64_t layer = 0; layer < network.layer_count(); ++layer) {
    const engine::MatrixView weights = network.weights(block, layer);
    for (int64_t row = 0; row < weights.rows; ++row) reader->GetNumbers(weights.row(row));
    reader->GetNumbers(network.bias(block, layer));
  }
}

void PutStandardizer(const Standardizer& standardizer, ByteWriter* writer) {
  writer->PutVector(standardizer.mean);
  writer->PutVector(standardizer.scale);
}

Standardizer GetStandardizer(int64_t columns, ByteReader* reader) {
  Standardizer standardizer;
  standardizer.mean = reader->GetVector<float>();
  standardizer.scale = reader->GetVector<float>();
  const size_t size = standardizer.mean.size();
  const bool fits = size == 0 || size == static_cast<size_t>(columns);
  const auto finite = [](float value) { return std::isfinite(value); };
  const auto positive = [](float value) { return std::isfinite(value) && value > 0; };
  if (!fits || standardizer.scale.size() != size ||
      !std::ranges::all_of(standardizer.mean, finite) ||
      !std::ranges::all_of(standardizer.scale, positive)) {
    reader->Fail();
  }
  return standardizer;
}

}  // namespace

void PutBlock(const Network& network, std::span<const float> block, ByteWriter* writer) {
  for (int64_t layer = 0; layer < network.layer_count(); ++layer) {
    const engine::ConstMatrixView weights = network.weights(block, layer);
    for (int64_t row = 0; row < weights.rows; ++row) writer->PutNumbers(weights.row(row));
    writer->PutNumbers(network.bias(block, layer));
  }
}

std::shared_ptr<const AlignedBuffer> GetBlock(const Network& network, ByteReader* reader) {
  const auto bytes = static_cast<size_t>(network.parameter_count()) * sizeof(float);
  if (reader->left() < bytes) reader->Fail();
  if (!reader->ok()) return nullptr;
  auto block = std::make_shared<AlignedBuffer>(static_cast<size_t>(network.block_size()));
  GetBlock(network, block->span(), reader);
  return block;
}

void PutNormalization(const engine::Normalization& normalization, ByteWriter* writer) {
  PutStandardizer(normalization.inputs, writer);
  PutStandardizer(normalization.targets, writer);
}

std::shared_ptr<const engine::Normalization> GetNormalization(const Network& network,
                                                              ByteReader* reader) {
  auto normalization = std::make_shared<engine::Normalization>();
  normalization->inputs = GetStandardizer(network.spec().input_width, reader);
  normalization->targets = GetStandardizer(network.spec().output_width(), reader);
  return normalization;
}

void PutState(const Network& network, const engine::ModelState& state, ByteWriter* writer) {
  writer->Reserve(static_cast<size_t>(StateBytes(network)));
  writer->Put(state.step);
  writer->Put(state.optimizer_steps);
  PutNormalization(*state.normalization, writer);
  PutBlock(network, state.parameters->span(), writer);
  const auto block = static_cast<size_t>(network.block_size());
  for (size_t first = 0; first < state.optimizer->size(); first += block) {
    PutBlock(network, state.optimizer->span().subspan(first, block), writer);
  }
}

engine::ModelState GetState(const Network& network, ByteReader* reader) {
  engine::ModelState state;
  state.step = reader->Get<int64_t>();
  state.optimizer_steps = reader->Get<int64_t>();
  if (state.step < 0 || state.optimizer_steps < 0) reader->Fail();
  state.normalization = GetNormalization(network, reader);
  state.parameters = GetBlock(network, reader);
  const auto arrays = static_cast<size_t>(StateArraysOf(network));
  const size_t bytes = arrays * static_cast<size_t>(network.parameter_count()) * sizeof(float);
  if (reader->left() < bytes) reader->Fail();
  if (!reader->ok()) return state;
  const auto block = static_cast<size_t>(network.block_size());
  auto optimizer = std::make_shared<AlignedBuffer>(arrays * block);
  for (size_t i = 0; i < arrays; ++i) {
    GetBlock(network, optimizer->span().subspan(i * block, block), reader);
  }
  state.optimizer = std::move(optimizer);
  return state;
}

int64_t StateBytes(const Network& network) {
  constexpr int64_t kFrame = 64;
  const int64_t columns = network.spec().input_width + network.spec().output_width();
  const int64_t floats = network.parameter_count() * (1 + StateArraysOf(network)) + 2 * columns;
  return kFrame + floats * static_cast<int64_t>(sizeof(float));
}

}  // namespace chainrule::server
