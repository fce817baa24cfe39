#include <cmath>
#include <limits>

#include "engine/train/examples.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using Kind = ExampleFault::Kind;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kWidth = 700;  // rows end within the blocks that are scanned

NetworkSpec Spec(Loss loss) {
  return MakeSpec(kWidth, {3}, Activation::kTanh, LastFor(loss), loss);
}

ExampleChunk ChunkOf(const SampleRows& rows) {
  ExampleChunk chunk;
  chunk.rows = rows.rows;
  chunk.inputs = {ElementType::kFloat32, rows.inputs.data(), kWidth};
  chunk.targets = {ElementType::kFloat32, rows.targets.data(), 3};
  if (!rows.weights.empty()) {
    chunk.sample_weights = {ElementType::kFloat32, rows.weights.data(), 1};
  }
  return chunk;
}

void ExpectFault(const std::optional<ExampleFault>& fault, Kind kind, int64_t row, int64_t column) {
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->kind, kind);
  EXPECT_EQ(fault->row, row);
  EXPECT_EQ(fault->column, column);
}

TEST(FindFaultTest, SoundRowsHaveNone) {
  for (const Loss loss : AllLosses()) {
    const SampleRows rows = MakeRows(Spec(loss), 20, 1, /*weighted=*/true);
    EXPECT_FALSE(FindFault(ChunkOf(rows), Spec(loss)).has_value()) << NameOf(loss);
  }
}

TEST(FindFaultTest, NamesTheInputThatIsNotFinite) {
  for (const int64_t index : {0, 699, 700, 2047, 2048, 13'999}) {
    SampleRows rows = MakeRows(Spec(Loss::kMeanSquaredError), 20, 1);
    rows.inputs[static_cast<size_t>(index)] = kNan;
    ExpectFault(FindFault(ChunkOf(rows), Spec(Loss::kMeanSquaredError)), Kind::kInputNotFinite,
                index / kWidth, index % kWidth);
  }
}

TEST(FindFaultTest, AFloat64ThatNoFloat32HoldsIsNotFinite) {
  const SampleRows rows = MakeRows(Spec(Loss::kMeanSquaredError), 2, 1);
  std::vector<double> inputs(rows.inputs.begin(), rows.inputs.end());
  inputs[703] = 1e39;
  ExampleChunk chunk = ChunkOf(rows);
  chunk.inputs = {ElementType::kFloat64, inputs.data(), kWidth};
  const auto fault = FindFault(chunk, Spec(Loss::kMeanSquaredError));
  ExpectFault(fault, Kind::kInputNotFinite, 1, 3);
  EXPECT_EQ(fault->value, 1e39);
}

TEST(FindFaultTest, NamesTheTargetThatIsNotFinite) {
  SampleRows rows = MakeRows(Spec(Loss::kHuber), 20, 1);
  rows.targets[3 * 7 + 2] = -std::numeric_limits<float>::infinity();
  ExpectFault(FindFault(ChunkOf(rows), Spec(Loss::kHuber)), Kind::kTargetNotFinite, 7, 2);
}

TEST(FindFaultTest, CrossEntropyTargetsLieInTheUnitInterval) {
  SampleRows rows = MakeRows(Spec(Loss::kBinaryCrossEntropy), 20, 1);
  rows.targets[3 * 4 + 1] = 1.5F;
  const auto fault = FindFault(ChunkOf(rows), Spec(Loss::kBinaryCrossEntropy));
  ExpectFault(fault, Kind::kTargetOutsideUnitInterval, 4, 1);
  EXPECT_EQ(fault->value, 1.5);
  EXPECT_FALSE(FindFault(ChunkOf(rows), Spec(Loss::kMeanSquaredError)).has_value());
}

TEST(FindFaultTest, CategoricalRowsSumToOneWithinTheTolerance) {
  SampleRows rows = MakeRows(Spec(Loss::kCategoricalCrossEntropy), 20, 1);
  const auto write_row = [&](float a, float b, float c) {
    rows.targets[33] = a;
    rows.targets[34] = b;
    rows.targets[35] = c;
  };
  write_row(0.2F, 0.3F, 0.500009F);
  EXPECT_FALSE(FindFault(ChunkOf(rows), Spec(Loss::kCategoricalCrossEntropy)).has_value());
  write_row(0.2F, 0.3F, 0.50002F);
  const auto fault = FindFault(ChunkOf(rows), Spec(Loss::kCategoricalCrossEntropy));
  ExpectFault(fault, Kind::kTargetRowSum, 11, 0);
  EXPECT_NEAR(fault->value, 1.00002, 1e-6);
}

TEST(FindFaultTest, ClassesAreThoseOfTheOutputs) {
  const SampleRows rows = MakeRows(Spec(Loss::kCategoricalCrossEntropy), 4, 1);
  ExampleChunk chunk = ChunkOf(rows);
  chunk.targets = {};
  std::vector<int32_t> ids = {0, 2, 1, 3};
  chunk.class_ids = ids;
  const auto fault = FindFault(chunk, Spec(Loss::kCategoricalCrossEntropy));
  ExpectFault(fault, Kind::kClassOutOfRange, 3, 0);
  EXPECT_EQ(fault->value, 3);
  ids[3] = -1;
  ExpectFault(FindFault(chunk, Spec(Loss::kCategoricalCrossEntropy)), Kind::kClassOutOfRange, 3, 0);
  ids[3] = 2;
  EXPECT_FALSE(FindFault(chunk, Spec(Loss::kCategoricalCrossEntropy)).has_value());
}

TEST(FindFaultTest, OneSigmoidUnitHasTwoClasses) {
  NetworkSpec spec = Spec(Loss::kBinaryCrossEntropy);
  spec.layers.back().units = 1;
  const std::vector<float> inputs(2 * kWidth);
  ExampleChunk chunk;
  chunk.rows = 2;
  chunk.inputs = {ElementType::kFloat32, inputs.data(), kWidth};
  std::vector<int32_t> ids = {1, 0};
  chunk.class_ids = ids;
  EXPECT_FALSE(FindFault(chunk, spec).has_value());
  ids[1] = 2;
  ExpectFault(FindFault(chunk, spec), Kind::kClassOutOfRange, 1, 0);
}

TEST(FindFaultTest, WeightsAreFiniteAndNotNegative) {
  const NetworkSpec spec = Spec(Loss::kMeanSquaredError);
  SampleRows rows = MakeRows(spec, 20, 1, /*weighted=*/true);
  rows.weights[5] = -0.5F;
  ExpectFault(FindFault(ChunkOf(rows), spec), Kind::kWeightNegative, 5, 0);
  rows.weights[4] = kNan;
  ExpectFault(FindFault(ChunkOf(rows), spec), Kind::kWeightNotFinite, 4, 0);
  std::vector<double> weights(20, 1.0);
  weights[2] = 1e300;
  ExampleChunk chunk = ChunkOf(rows);
  chunk.sample_weights = {ElementType::kFloat64, weights.data(), 1};
  ExpectFault(FindFault(chunk, spec), Kind::kWeightOverflow, 2, 0);
}

}  // namespace

}  // namespace chainrule::engine
