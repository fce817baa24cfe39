// Records and windows as bytes: what was put comes back, what is damaged is refused.
#include "server/models/record.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/models/outcome_codec.h"
#include "server/models/state_codec.h"
#include "tests/server/models/random_records.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

using engine::ModelState;
using engine::Network;

// All that metrics have: one more would not compile here.
auto Fields(const engine::Metrics& metrics) {
  const auto& [accuracy, precision, recall, f1, roc_auc, roc_auc_binned, classes, confusion,
               mean_absolute_error, root_mean_squared_error, r_squared] = metrics;
  return std::tuple(accuracy, precision, recall, f1, roc_auc, roc_auc_binned, classes, confusion,
                    mean_absolute_error, root_mean_squared_error, r_squared);
}

class RecordTest : public ::testing::Test {
 protected:
  const Network network_{TestSettings()->network};
};

// What is encoded of it again tells of every field.
TEST_F(RecordTest, EveryFieldComesBack) {
  for (uint32_t seed = 0; seed < 500; ++seed) {
    const Record record = RandomRecords(seed).Any(network_);
    const std::string bytes = EncodeRecord(network_, record);
    const absl::StatusOr<Record> back = DecodeRecord(network_, bytes);
    ASSERT_TRUE(back.ok()) << back.status() << " seed " << seed;
    EXPECT_EQ(back->header.uid, record.header.uid);
    EXPECT_EQ(back->header.time, record.header.time);
    EXPECT_EQ(back->request_id, record.request_id);
    EXPECT_EQ(back->digest, record.digest);
    EXPECT_EQ(back->outcome.has_value(), record.outcome.has_value());
    EXPECT_EQ(back->body.index(), record.body.index());
    EXPECT_EQ(EncodeRecord(network_, *back), bytes) << "seed " << seed;
    const absl::StatusOr<RecordHeader> header = DecodeRecordHeader(bytes);
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(header->number, record.header.number);
    EXPECT_EQ(header->last_step, record.header.last_step);
  }
}

TEST_F(RecordTest, EveryMetricComesBack) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    RandomRecords random(seed);
    Record record = random.Any(network_);
    TrainReply reply;
    for (int i = 0; i < 3; ++i) {
      reply.result.epochs.emplace_back().validation_metrics = random.Metrics();
    }
    record.outcome = reply;
    const auto back = DecodeRecord(network_, EncodeRecord(network_, record));
    ASSERT_TRUE(back.ok()) << back.status() << " seed " << seed;
    const auto& epochs = std::get<TrainReply>(*back->outcome).result.epochs;
    ASSERT_EQ(epochs.size(), 3);
    for (size_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(epochs[i].validation_metrics.has_value());
      EXPECT_EQ(Fields(*epochs[i].validation_metrics),
                Fields(*reply.result.epochs[i].validation_metrics))
          << "seed " << seed;
    }
  }
}

// What an AUC that is not binned takes is what it took before that was kept.
TEST_F(RecordTest, BinnedAucTakesNoByteMore) {
  Record record = RandomRecords(3).Any(network_);
  TrainReply reply;
  reply.result.epochs.emplace_back().validation_metrics.emplace();
  record.outcome = reply;
  std::string exact = EncodeRecord(network_, record);
  reply.result.epochs[0].validation_metrics->roc_auc_binned = true;
  record.outcome = reply;
  const std::string binned = EncodeRecord(network_, record);
  ASSERT_EQ(exact.size(), binned.size());
  const auto [one, other] = std::ranges::mismatch(exact, binned);
  ASSERT_NE(one, exact.end());
  EXPECT_EQ(*one, 1);
  EXPECT_EQ(*other, 2);
  *one = 3;
  EXPECT_FALSE(DecodeRecord(network_, exact).ok());
}

TEST_F(RecordTest, StateComesBackToTheBit) {
  RandomRecords random(1);
  Record record = random.Any(network_);
  const ModelState state = random.State(network_);
  record.body = state;
  const auto back = DecodeRecord(network_, EncodeRecord(network_, record));
  ASSERT_TRUE(back.ok());
  const auto& read = std::get<ModelState>(back->body);
  EXPECT_TRUE(std::ranges::equal(read.parameters->span(), state.parameters->span()));
  EXPECT_TRUE(std::ranges::equal(read.optimizer->span(), state.optimizer->span()));
  EXPECT_EQ(read.normalization->inputs.mean, state.normalization->inputs.mean);
  EXPECT_EQ(read.step, state.step);
  EXPECT_EQ(read.optimizer_steps, state.optimizer_steps);
}

// Rows of so many weights stand apart in a block.
TEST_F(RecordTest, StateOfAWideNetworkComesBackToTheBit) {
  auto settings = TestSettings();
  settings->network.layers[0].units = 256;
  const Network wide(settings->network);
  ASSERT_GT(wide.weights_stride(1), wide.layer_inputs(1));
  RandomRecords random(1);
  Record record = random.Any(wide);
  const ModelState state = random.State(wide);
  record.body = state;
  const auto back = DecodeRecord(wide, EncodeRecord(wide, record));
  ASSERT_TRUE(back.ok());
  const auto& read = std::get<ModelState>(back->body);
  EXPECT_TRUE(std::ranges::equal(read.parameters->span(), state.parameters->span()));
  EXPECT_TRUE(std::ranges::equal(read.optimizer->span(), state.optimizer->span()));
}

TEST_F(RecordTest, ErrorComesBackWithItsDetails) {
  RandomRecords random(2);
  Record record = random.Any(network_);
  const absl::Status error = StepMismatch("iris", 5, 3);
  record.outcome = error;
  const auto back = DecodeRecord(network_, EncodeRecord(network_, record));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(std::get<absl::Status>(*back->outcome), error);
}

TEST_F(RecordTest, ExamplesOfEveryKindBecomeTheFloatsThatTrainingSees) {
  const std::vector<double> inputs = {0.1, 0.2, 0.3};
  const std::vector<uint8_t> targets = {0, 1};
  const std::vector<float> weights = {0.5F};
  engine::ExampleChunk chunk;
  chunk.rows = 1;
  chunk.inputs = {engine::ElementType::kFloat64, inputs.data(), kInputs};
  chunk.targets = {engine::ElementType::kUint8, targets.data(), kOutputs};
  chunk.sample_weights = {engine::ElementType::kFloat32, weights.data(), 1};
  Record record = RandomRecords(3).Any(network_);
  TrainBody body{{}, 0.1, engine::Examples(kInputs, kOutputs)};
  body.examples.Append(chunk);
  record.body = body;
  const auto back = DecodeRecord(network_, EncodeRecord(network_, record));
  ASSERT_TRUE(back.ok());
  const engine::Examples& read = std::get<TrainBody>(back->body).examples;
  std::vector<float> row(kInputs);
  read.CopyInputs(0, row);
  EXPECT_EQ(row, (std::vector<float>{0.1F, 0.2F, 0.3F}));
  std::vector<float> target(kOutputs);
  read.CopyTargets(0, target);
  EXPECT_EQ(target, (std::vector<float>{0.0F, 1.0F}));
  EXPECT_EQ(read.Weight(0), 0.5F);
}

TEST_F(RecordTest, WhatIsCutShortIsRefused) {
  for (uint32_t seed = 0; seed < 40; ++seed) {
    const std::string bytes = EncodeRecord(network_, RandomRecords(seed).Any(network_));
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(DecodeRecord(network_, absl::string_view(bytes).substr(0, size)).ok());
    }
    EXPECT_FALSE(DecodeRecord(network_, bytes + "x").ok());
  }
}

// A flipped bit may make another sound record; it must never do harm.
TEST_F(RecordTest, FlippedBitsDoNoHarm) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::string bytes = EncodeRecord(network_, RandomRecords(seed).Any(network_));
    for (size_t i = 0; i < bytes.size(); ++i) {
      for (const int bit : {0, 5, 7}) {
        bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
        const auto record = DecodeRecord(network_, bytes);
        if (record.ok()) EncodeRecord(network_, *record);
        bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      }
    }
  }
}

TEST_F(RecordTest, GradientComesBackToTheBit) {
  Record record = RandomRecords(7).Any(network_);
  record.body = RandomRecords(8).Gradient();
  const auto back = DecodeRecord(network_, EncodeRecord(network_, record));
  ASSERT_TRUE(back.ok());
  const auto& put = std::get<GradientBody>(record.body).layers[0];
  const auto& read = std::get<GradientBody>(back->body).layers[0];
  EXPECT_EQ(read.index, 0);
  EXPECT_EQ(read.biases.data, nullptr);
  ASSERT_EQ(read.weights.size(), put.weights.size());
  EXPECT_TRUE(
      std::equal(read.weights.data, read.weights.data + read.weights.size(), put.weights.data));
}

TEST_F(RecordTest, GradientThatNamesALayerTwiceIsRefused) {
  Record record = RandomRecords(7).Any(network_);
  GradientBody body = RandomRecords(8).Gradient();
  body.layers = {body.layers[0], body.layers[0]};
  record.body = body;
  EXPECT_FALSE(DecodeRecord(network_, EncodeRecord(network_, record)).ok());
}

TEST_F(RecordTest, RecordOfAnotherNetworkIsRefused) {
  Record record = RandomRecords(4).Any(network_);
  record.body = RandomRecords(4).State(network_);
  auto settings = TestSettings();
  settings->network.layers[0].units = 6;
  const Network other(settings->network);
  EXPECT_EQ(DecodeRecord(other, EncodeRecord(network_, record)).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(RecordTest, WindowComesBackInItsOrder) {
  WriteWindow window(3, absl::InfiniteDuration());
  RandomRecords random(5);
  for (int i = 0; i < 5; ++i) {
    window.Store("id" + std::to_string(i), {1, static_cast<uint64_t>(i)}, random.Outcome(network_),
                 absl::FromUnixSeconds(i));
  }
  const std::string bytes = EncodeWindow(network_, window);
  WriteWindow back(3, absl::InfiniteDuration());
  ASSERT_TRUE(DecodeWindow(network_, bytes, &back).ok());
  EXPECT_EQ(back.size(), 3);
  EXPECT_EQ(back.forgotten_until(), absl::FromUnixSeconds(1));
  EXPECT_EQ(EncodeWindow(network_, back), bytes);
  const auto found = back.Find("id4", {1, 4}, absl::FromUnixSeconds(9));
  ASSERT_TRUE(found.ok());
  EXPECT_NE(*found, nullptr);
}

TEST_F(RecordTest, DamagedWindowIsRefused) {
  WriteWindow window(3, absl::InfiniteDuration());
  window.Store("id", {1, 2}, RandomRecords(6).Outcome(network_), absl::FromUnixSeconds(1));
  const std::string bytes = EncodeWindow(network_, window);
  for (size_t size = 1; size < bytes.size(); ++size) {
    WriteWindow back(3, absl::InfiniteDuration());
    EXPECT_FALSE(DecodeWindow(network_, absl::string_view(bytes).substr(0, size), &back).ok());
  }
}

}  // namespace
}  // namespace chainrule::server
