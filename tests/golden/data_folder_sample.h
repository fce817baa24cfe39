// What the frozen data folders hold: one model with Adam's state, a version, labels, an
// alias, a remembered request and two records of the log. Every number tells its place.
#ifndef CHAINRULE_TESTS_GOLDEN_DATA_FOLDER_SAMPLE_H_
#define CHAINRULE_TESTS_GOLDEN_DATA_FOLDER_SAMPLE_H_

#include <memory>
#include <string>
#include <vector>

#include "engine/nn/network.h"
#include "server/store/store.h"

namespace chainrule::server {

inline constexpr char kSampleUid[] = "0123456789abcdef";

inline engine::Network SampleNetwork() {
  engine::NetworkSpec spec;
  spec.input_width = 3;
  spec.layers.resize(2);
  spec.layers[0].units = 4;
  spec.layers[0].activation.kind = engine::Activation::kTanh;
  spec.layers[1].units = 2;
  spec.layers[1].activation.kind = engine::Activation::kIdentity;
  spec.loss.kind = engine::Loss::kMeanSquaredError;
  spec.optimizer.kind = engine::OptimizerKind::kAdam;
  return engine::Network(spec);
}

// first, first + 1, … through the layers' weights and biases.
inline void Count(const engine::Network& network, float first, std::span<float> block) {
  for (int64_t layer = 0; layer < network.layer_count(); ++layer) {
    const engine::MatrixView weights = network.weights(block, layer);
    for (int64_t row = 0; row < weights.rows; ++row) {
      for (float& weight : weights.row(row)) weight = first++;
    }
    for (float& bias : network.bias(block, layer)) bias = first++;
  }
}

inline Checkpoint SampleCheckpoint(float first) {
  const engine::Network network = SampleNetwork();
  const auto block = static_cast<size_t>(network.block_size());
  auto parameters = std::make_shared<engine::AlignedBuffer>(block);
  auto optimizer = std::make_shared<engine::AlignedBuffer>(2 * block);
  Count(network, first, parameters->span());
  Count(network, first + 100, optimizer->span().first(block));
  Count(network, first + 200, optimizer->span().subspan(block));
  auto normalization = std::make_shared<engine::Normalization>();
  normalization->inputs = {{1, 2, 3}, {4, 5, 6}};
  normalization->targets = {{-1, -2}, {0.5F, 0.25F}};
  Checkpoint checkpoint;
  checkpoint.state = {parameters, optimizer, normalization, 12, 11};
  checkpoint.window = std::string("window\0", 7);
  checkpoint.metadata = {{"numerics", "any"}};
  return checkpoint;
}

inline StoreChange SampleChange(const WeightsFile& checkpoint, const WeightsFile& version) {
  StoreChange change;
  ModelFacts& facts = change.put_model.emplace();
  facts.uid = kSampleUid;
  facts.id = "iris";
  facts.spec = "{\"input_width\":3}";
  facts.labels = {{"team", "ärger"}};
  facts.aliases = {{"prod", 1}};
  facts.revision = 5;
  facts.last_version = 2;
  facts.create_time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  facts.update_time = absl::FromUnixNanos(1'700'000'001'000'000'000);
  change.put_checkpoint = {kSampleUid, {12, 0, checkpoint}};
  change.put_version = {
      kSampleUid, {1, 10, {{"stage", "test"}}, absl::FromUnixSeconds(1'700'000'002), version}};
  change.put_request = StoredRequest{"f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                                     {0xfedcba9876543210, 7},
                                     absl::FromUnixSeconds(1'700'000'003),
                                     std::string("out\0come", 8)};
  return change;
}

inline std::vector<std::string> SampleRecords() { return {"first record", "second record"}; }

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_GOLDEN_DATA_FOLDER_SAMPLE_H_
