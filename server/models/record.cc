#include "server/models/record.h"

#include <utility>

#include "server/models/codec.h"
#include "server/models/input_codec.h"
#include "server/models/outcome_codec.h"
#include "server/models/state_codec.h"

namespace chainrule::server {
namespace {

using engine::Network;

constexpr uint32_t kFormat = 1;

void PutHeader(const RecordHeader& header, ByteWriter* writer) {
  writer->Put(kFormat);
  writer->PutText(header.uid);
  writer->Put(header.number);
  writer->PutTime(header.time);
  writer->Put(header.first_step);
  writer->Put(header.last_step);
  writer->PutText(header.numerics);
}

RecordHeader GetHeader(ByteReader* reader) {
  RecordHeader header;
  if (reader->Get<uint32_t>() != kFormat) reader->Fail();
  header.uid = std::string(reader->GetText());
  header.number = reader->Get<uint64_t>();
  header.time = reader->GetTime();
  header.first_step = reader->Get<int64_t>();
  header.last_step = reader->Get<int64_t>();
  header.numerics = std::string(reader->GetText());
  if (header.number == 0 || header.first_step < 0 || header.last_step < header.first_step) {
    reader->Fail();
  }
  return header;
}

void PutBody(const Network& network, const RecordBody& body, ByteWriter* writer) {
  writer->Put(static_cast<uint8_t>(body.index()));
  if (const auto* state = std::get_if<engine::ModelState>(&body)) {
    PutState(network, *state, writer);
  } else if (const auto* train = std::get_if<TrainBody>(&body)) {
    PutTrainOptions(train->options, writer);
    writer->Put(train->base_learning_rate);
    // With what stands before the chunks, as a string that is a byte too short is copied.
    constexpr size_t kHeads = 64;
    writer->Reserve(static_cast<size_t>(BodyBytes(train->examples, network)) +
                    kHeads * (1 + train->examples.chunks().size()));
    PutExamples(train->examples, writer);
  } else if (const auto* weights = std::get_if<SetWeightsBody>(&body)) {
    PutSetWeights(weights->input, writer);
    writer->PutBool(weights->reset_optimizer);
  } else if (const auto* rate = std::get_if<LearningRateBody>(&body)) {
    writer->Put(rate->learning_rate);
  } else if (const auto* gradient = std::get_if<GradientBody>(&body)) {
    PutLayers(gradient->layers, writer);
  }
}

TrainBody GetTrainBody(const Network& network, ByteReader* reader) {
  engine::TrainOptions options = GetTrainOptions(reader);
  const auto rate = reader->Get<double>();
  return {std::move(options), rate, GetExamples(network, reader)};
}

GradientBody GetGradientBody(const Network& network, ByteReader* reader) {
  GradientBody body;
  body.layers = GetLayers(network, reader, &body.owner);
  return body;
}

RecordBody GetBody(const Network& network, ByteReader* reader) {
  switch (reader->Get<uint8_t>()) {
    case 0:
      return std::monostate();
    case 1:
      return GetState(network, reader);
    case 2:
      return GetTrainBody(network, reader);
    case 3: {
      SetWeightsBody body{GetSetWeights(network, reader)};
      body.reset_optimizer = reader->GetBool();
      return body;
    }
    case 4:
      return LearningRateBody{reader->Get<double>()};
    case 5:
      return GetGradientBody(network, reader);
    default:
      reader->Fail();
      return std::monostate();
  }
}

absl::Status NoRecord() { return absl::DataLossError("a record of the log cannot be read"); }

}  // namespace

std::string EncodeRecord(const Network& network, const Record& record) {
  ByteWriter writer;
  PutHeader(record.header, &writer);
  writer.PutText(record.request_id);
  writer.Put(record.digest[0]);
  writer.Put(record.digest[1]);
  writer.PutBool(record.outcome.has_value());
  if (record.outcome.has_value()) PutOutcome(network, *record.outcome, &writer);
  PutBody(network, record.body, &writer);
  return writer.Take();
}

absl::StatusOr<RecordHeader> DecodeRecordHeader(absl::string_view bytes) {
  ByteReader reader(bytes);
  RecordHeader header = GetHeader(&reader);
  if (!reader.ok()) return NoRecord();
  return header;
}

absl::StatusOr<Record> DecodeRecord(const Network& network, absl::string_view bytes) {
  ByteReader reader(bytes);
  Record record;
  record.header = GetHeader(&reader);
  record.request_id = std::string(reader.GetText());
  record.digest = {reader.Get<uint64_t>(), reader.Get<uint64_t>()};
  if (reader.GetBool()) record.outcome = GetOutcome(network, &reader);
  record.body = GetBody(network, &reader);
  if (!reader.AtEnd()) return NoRecord();
  return record;
}

int64_t BodyBytes(const engine::Examples& examples, const Network& network) {
  int64_t floats = 0;
  for (const engine::ExampleChunk& chunk : examples.chunks()) {
    const bool by_class = chunk.targets.data == nullptr;
    const bool weighted = chunk.sample_weights.data != nullptr;
    floats += chunk.rows * (network.spec().input_width +
                            (by_class ? 1 : network.spec().output_width()) + (weighted ? 1 : 0));
  }
  return floats * static_cast<int64_t>(sizeof(float));
}

int64_t BodyBytes(const std::vector<engine::LayerTensors>& layers) {
  int64_t floats = 0;
  for (const engine::LayerTensors& layer : layers) {
    if (layer.weights.data != nullptr) floats += layer.weights.rows * layer.weights.columns;
    if (layer.biases.data != nullptr) floats += layer.biases.columns;
  }
  return floats * static_cast<int64_t>(sizeof(float));
}

}  // namespace chainrule::server
