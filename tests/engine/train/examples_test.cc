#include "engine/train/examples.h"

#include <cstring>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAre;

std::vector<float> RowOf(const Examples& examples, int64_t index, size_t width) {
  std::vector<float> row(width);
  examples.CopyInputs(index, row);
  return row;
}

TEST(ElementRowsTest, ConvertsEveryTypeAtAnyAlignment) {
  const std::vector<double> values = {0, 1, 2.5, 3, 254, 255};
  std::vector<unsigned char> bytes(1 + values.size() * sizeof(double));
  std::vector<float> row(3);

  std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(double));
  ElementRows{ElementType::kFloat64, bytes.data() + 1, 3}.CopyRow(1, row);
  EXPECT_THAT(row, ElementsAre(3.0F, 254.0F, 255.0F));

  for (size_t i = 0; i < values.size(); ++i) {
    const auto value = static_cast<float>(values[i]);
    std::memcpy(bytes.data() + 1 + i * sizeof(float), &value, sizeof(float));
  }
  ElementRows{ElementType::kFloat32, bytes.data() + 1, 3}.CopyRow(0, row);
  EXPECT_THAT(row, ElementsAre(0.0F, 1.0F, 2.5F));

  for (size_t i = 0; i < values.size(); ++i) bytes[i] = static_cast<unsigned char>(values[i]);
  ElementRows{ElementType::kUint8, bytes.data(), 3}.CopyRow(1, row);
  EXPECT_THAT(row, ElementsAre(3.0F, 254.0F, 255.0F));
}

template <typename T>
void ExpectConverts(ElementType type, const std::vector<T>& values) {
  std::vector<unsigned char> bytes(1 + values.size() * sizeof(T));
  std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(T));
  const ElementRows rows{type, bytes.data() + 1, 1};
  EXPECT_EQ(ElementBytes(type), sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    float value = 0;
    rows.CopyRow(static_cast<int64_t>(i), {&value, 1});
    EXPECT_EQ(value, static_cast<float>(values[i]));
    EXPECT_EQ(rows.ElementAt(static_cast<int64_t>(i)), static_cast<double>(values[i]));
  }
}

TEST(ElementRowsTest, ConvertsIntegersFromTheirLowestToTheirHighest) {
  ExpectConverts<int8_t>(ElementType::kInt8, {-128, -1, 127});
  ExpectConverts<int16_t>(ElementType::kInt16, {-32768, 0, 32767});
  ExpectConverts<int32_t>(ElementType::kInt32, {INT32_MIN, -1, INT32_MAX});
  ExpectConverts<int64_t>(ElementType::kInt64, {INT64_MIN, -1, INT64_MAX});
  ExpectConverts<uint16_t>(ElementType::kUint16, {0, 65535});
  ExpectConverts<uint32_t>(ElementType::kUint32, {0, UINT32_MAX});
  ExpectConverts<uint64_t>(ElementType::kUint64, {0, UINT64_MAX});
}

TEST(ExamplesTest, FindsRowsAcrossChunks) {
  const std::vector<float> inputs = {0, 1, 2, 3, 4, 5, 6};
  Examples examples(1, 1);
  int64_t first = 0;
  for (const int64_t count : {3, 1, 3}) {
    ExampleChunk chunk;
    chunk.rows = count;
    chunk.inputs = {ElementType::kFloat32, inputs.data() + first, 1};
    chunk.targets = chunk.inputs;
    examples.Append(chunk);
    first += count;
  }
  ASSERT_EQ(examples.rows(), 7);
  for (int64_t i = 0; i < 7; ++i) {
    EXPECT_THAT(RowOf(examples, i, 1), ElementsAre(static_cast<float>(i)));
  }
}

TEST(ExamplesTest, ClassesBecomeOneHotRows) {
  const std::vector<float> inputs(3);
  const std::vector<int32_t> ids = {2, 0, 1};
  ExampleChunk chunk;
  chunk.rows = 3;
  chunk.inputs = {ElementType::kFloat32, inputs.data(), 1};
  chunk.class_ids = ids;
  Examples examples(1, 3);
  examples.Append(chunk);
  Matrix x(2, 1);
  Matrix y(2, 3);
  std::vector<float> weights(2);
  const std::vector<int64_t> rows = {2, 0};
  examples.Gather(rows, x.view(), y.view(), weights);
  EXPECT_THAT(y.view().row(0), ElementsAre(0.0F, 1.0F, 0.0F));
  EXPECT_THAT(y.view().row(1), ElementsAre(0.0F, 0.0F, 1.0F));
  EXPECT_THAT(weights, ElementsAre(1.0F, 1.0F));
}

TEST(ExamplesTest, ClassOfOneUnitIsZeroOrOne) {
  const std::vector<float> inputs(2);
  const std::vector<int32_t> ids = {1, 0};
  ExampleChunk chunk;
  chunk.rows = 2;
  chunk.inputs = {ElementType::kFloat32, inputs.data(), 1};
  chunk.class_ids = ids;
  Examples examples(1, 1);
  examples.Append(chunk);
  float target = -1.0F;
  examples.CopyTargets(0, {&target, 1});
  EXPECT_EQ(target, 1.0F);
  examples.CopyTargets(1, {&target, 1});
  EXPECT_EQ(target, 0.0F);
}

TEST(ExamplesTest, ChunksWithoutWeightsWeighOne) {
  const std::vector<float> inputs(2);
  const std::vector<float> weights = {0.5F, 0.25F};
  ExampleChunk plain;
  plain.rows = 2;
  plain.inputs = {ElementType::kFloat32, inputs.data(), 1};
  plain.targets = plain.inputs;
  ExampleChunk weighted = plain;
  weighted.sample_weights = {ElementType::kFloat32, weights.data(), 1};
  Examples examples(1, 1);
  examples.Append(plain);
  EXPECT_FALSE(examples.weighted());
  examples.Append(weighted);
  EXPECT_TRUE(examples.weighted());
  EXPECT_EQ(examples.WeightSum(std::vector<int64_t>{0, 1, 2, 3}), 2.75);
  EXPECT_EQ(examples.WeightSum(std::vector<int64_t>{3}), 0.25);
}

TEST(ExamplesTest, BytesAreThoseOfTheElements) {
  const NetworkSpec spec =
      MakeSpec(5, {2}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError);
  const SampleRows rows = MakeRows(spec, 10, 1, /*weighted=*/true);
  EXPECT_EQ(rows.View(spec).bytes(), 10 * (5 + 2 + 1) * 4);
}

}  // namespace
}  // namespace chainrule::engine
