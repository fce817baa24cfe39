#include "server/models/input_codec.h"

#include <memory>
#include <utility>
#include <vector>

namespace chainrule::server {
namespace {

using engine::ElementRows;
using engine::ElementType;
using engine::ExampleChunk;
using engine::LayerTensors;
using engine::Network;

// A chunk's numbers, as it was read back.
struct ChunkData {
  std::vector<float> inputs;
  std::vector<float> targets;
  std::vector<int32_t> class_ids;
  std::vector<float> sample_weights;
};

constexpr size_t kChunkBytes = 10;  // at least

void PutElements(const ElementRows& elements, int64_t rows, ByteWriter* writer) {
  const auto count = static_cast<size_t>(rows * elements.columns);
  if (elements.type == ElementType::kFloat32) {
    writer->PutNumbers(std::span(static_cast<const char*>(elements.data), count * sizeof(float)));
    return;
  }
  std::vector<float> floats(count);
  elements.CopyElements(0, floats);
  writer->PutNumbers(std::span<const float>(floats));
}

ElementRows View(const std::vector<float>& floats, int64_t columns) {
  return {ElementType::kFloat32, floats.data(), columns};
}

void PutChunk(const ExampleChunk& chunk, ByteWriter* writer) {
  writer->Put(chunk.rows);
  writer->PutBool(chunk.targets.data == nullptr);
  writer->PutBool(chunk.sample_weights.data != nullptr);
  PutElements(chunk.inputs, chunk.rows, writer);
  if (chunk.targets.data == nullptr) {
    writer->PutNumbers(chunk.class_ids);
  } else {
    PutElements(chunk.targets, chunk.rows, writer);
  }
  if (chunk.sample_weights.data != nullptr) {
    PutElements(chunk.sample_weights, chunk.rows, writer);
  }
}

// Whether a row's floats are that many at least.
uint64_t RowCount(ByteReader* reader, int64_t columns) {
  return reader->GetCount(static_cast<size_t>(columns) * sizeof(float));
}

ExampleChunk GetChunk(const Network& network, ByteReader* reader) {
  const int64_t inputs = network.spec().input_width;
  const int64_t outputs = network.spec().output_width();
  auto data = std::make_shared<ChunkData>();
  ExampleChunk chunk;
  const uint64_t rows = RowCount(reader, inputs);
  const bool by_class = reader->GetBool();
  const bool weighted = reader->GetBool();
  data->inputs = reader->GetNumbers<float>(rows * static_cast<uint64_t>(inputs));
  if (by_class) {
    data->class_ids = reader->GetNumbers<int32_t>(rows);
  } else {
    if (rows > reader->left() / static_cast<uint64_t>(outputs)) reader->Fail();
    data->targets =
        reader->GetNumbers<float>(reader->ok() ? rows * static_cast<uint64_t>(outputs) : 0);
  }
  if (weighted) data->sample_weights = reader->GetNumbers<float>(rows);
  chunk.rows = static_cast<int64_t>(rows);
  chunk.inputs = View(data->inputs, inputs);
  if (by_class) {
    chunk.class_ids = data->class_ids;
  } else {
    chunk.targets = View(data->targets, outputs);
  }
  if (weighted) chunk.sample_weights = View(data->sample_weights, 1);
  chunk.owner = std::move(data);
  return chunk;
}

bool IsSound(const ExampleChunk& chunk, const Network& network) {
  return chunk.rows > 0 && !engine::FindFault(chunk, network.spec()).has_value();
}

void PutTensor(engine::ConstMatrixView tensor, ByteWriter* writer) {
  writer->PutBool(tensor.data != nullptr);
  if (tensor.data == nullptr) return;
  for (int64_t row = 0; row < tensor.rows; ++row) writer->PutNumbers(tensor.row(row));
}

engine::ConstMatrixView GetTensor(int64_t rows, int64_t columns,
                                  std::vector<std::vector<float>>* owner, ByteReader* reader) {
  if (!reader->GetBool()) return {};
  owner->push_back(reader->GetNumbers<float>(static_cast<uint64_t>(rows * columns)));
  return {owner->back().data(), rows, columns};
}

}  // namespace

void PutTrainOptions(const engine::TrainOptions& options, ByteWriter* writer) {
  writer->Put(options.epochs);
  writer->Put(options.batch_size);
  writer->PutBool(options.keep_order);
  writer->PutOptional(options.learning_rate);
  writer->PutBool(options.fit_normalization);
  writer->Put(options.validation_fraction);
  writer->PutBool(options.early_stopping.has_value());
  if (!options.early_stopping.has_value()) return;
  writer->Put(options.early_stopping->patience);
  writer->Put(options.early_stopping->min_delta);
  writer->PutBool(options.early_stopping->restore_best);
}

engine::TrainOptions GetTrainOptions(ByteReader* reader) {
  engine::TrainOptions options;
  options.epochs = reader->Get<int64_t>();
  options.batch_size = reader->Get<int64_t>();
  if (options.epochs < 1 || options.batch_size < 0) reader->Fail();
  options.keep_order = reader->GetBool();
  options.learning_rate = reader->GetOptional<double>();
  options.fit_normalization = reader->GetBool();
  options.validation_fraction = reader->Get<double>();
  if (!(options.validation_fraction >= 0 && options.validation_fraction < 1)) reader->Fail();
  if (!reader->GetBool()) return options;
  engine::EarlyStopping stopping;
  stopping.patience = reader->Get<int64_t>();
  stopping.min_delta = reader->Get<double>();
  stopping.restore_best = reader->GetBool();
  options.early_stopping = stopping;
  return options;
}

void PutExamples(const engine::Examples& examples, ByteWriter* writer) {
  writer->Put<uint64_t>(examples.chunks().size());
  for (const ExampleChunk& chunk : examples.chunks()) PutChunk(chunk, writer);
}

engine::Examples GetExamples(const Network& network, ByteReader* reader) {
  engine::Examples examples(network.spec().input_width, network.spec().output_width());
  for (uint64_t left = reader->GetCount(kChunkBytes); left > 0 && reader->ok(); --left) {
    ExampleChunk chunk = GetChunk(network, reader);
    if (!reader->ok()) break;
    if (!IsSound(chunk, network)) {
      reader->Fail();
      break;
    }
    examples.Append(std::move(chunk));
  }
  if (examples.rows() == 0) reader->Fail();
  return examples;
}

void PutLayers(const std::vector<LayerTensors>& layers, ByteWriter* writer) {
  writer->Put<uint64_t>(layers.size());
  for (const LayerTensors& layer : layers) {
    writer->Put(layer.index);
    PutTensor(layer.weights, writer);
    PutTensor(layer.biases, writer);
  }
}

std::vector<LayerTensors> GetLayers(const Network& network, ByteReader* reader,
                                    std::shared_ptr<const void>* owner) {
  constexpr size_t kLayerBytes = 10;  // at least
  auto floats = std::make_shared<std::vector<std::vector<float>>>();
  std::vector<bool> seen(static_cast<size_t>(network.layer_count()));
  std::vector<LayerTensors> layers;
  for (uint64_t left = reader->GetCount(kLayerBytes); left > 0 && reader->ok(); --left) {
    LayerTensors layer;
    layer.index = reader->Get<int64_t>();
    if (layer.index < 0 || layer.index >= network.layer_count()) reader->Fail();
    if (!reader->ok()) break;
    if (seen[static_cast<size_t>(layer.index)]) reader->Fail();
    seen[static_cast<size_t>(layer.index)] = true;
    layer.weights = GetTensor(network.layer_units(layer.index), network.layer_inputs(layer.index),
                              floats.get(), reader);
    layer.biases = GetTensor(1, network.layer_units(layer.index), floats.get(), reader);
    layers.push_back(layer);
  }
  *owner = std::move(floats);
  return layers;
}

void PutSetWeights(const SetWeightsInput& input, ByteWriter* writer) {
  PutLayers(input.layers, writer);
}

SetWeightsInput GetSetWeights(const Network& network, ByteReader* reader) {
  SetWeightsInput input;
  input.layers = GetLayers(network, reader, &input.owner);
  return input;
}

}  // namespace chainrule::server
