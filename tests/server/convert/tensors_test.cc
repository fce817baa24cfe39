#include "server/convert/tensors.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/convert/reply_size.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

const RowsWanted kFourColumns{.columns = 4, .expected_by = "model 'iris' expects"};

struct BadTensor {
  std::string tensor;
  std::string field;
  std::string text;
};

void PrintTo(const BadTensor& bad, std::ostream* out) { *out << bad.tensor; }

class BadTensorTest : public testing::TestWithParam<BadTensor> {};

TEST_P(BadTensorTest, IsRefusedByNameValueAndRange) {
  const auto tensor = FromText<v1::Tensor>(GetParam().tensor);
  ExpectRefused(CheckRows(tensor, "inputs", kFourColumns, Limits()).status(), GetParam().field,
                GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadTensorTest,
    testing::Values(
        BadTensor{"", "inputs.shape", "[]; model 'iris' expects [rows, 4]"},
        BadTensor{"shape: 4 values: [1, 2, 3, 4]", "inputs.shape", "[4]; model 'iris' expects"},
        BadTensor{"shape: [1, 2, 2] values: [1, 2, 3, 4]", "inputs.shape", "[1, 2, 2]; model"},
        BadTensor{"shape: [1, 1, 1, 1, 1, 1] values: 1", "inputs.shape", "[1, 1, 1, 1, …]; "},
        BadTensor{"shape: [1, 5] values: [1, 2, 3, 4, 5]", "inputs.shape[1]",
                  "5; model 'iris' expects 4"},
        BadTensor{"shape: [1, -4]", "inputs.shape[1]", "-4; model 'iris' expects 4"},
        BadTensor{"shape: [-1, 4]", "inputs.shape[0]", "-1; must be 0 or more"},
        BadTensor{"shape: [9223372036854775807, 4]", "inputs.shape[1]", "more elements than can"},
        BadTensor{"shape: [1, 4]", "inputs.values", "0 elements; the shape [1, 4] needs 4"},
        BadTensor{"shape: [1, 4] values: [1, 2, 3]", "inputs.values", "3 elements; the shape"},
        BadTensor{"shape: [1, 4] values: [1, 2, 3, 4, 5]", "inputs.values", "5 elements; "},
        BadTensor{"shape: [0, 4] values: 1", "inputs.values", "1 elements; the shape [0, 4]"},
        BadTensor{"shape: [1, 4] raw: '123456789012345'", "inputs.raw",
                  "15 bytes; the shape [1, 4] needs 4 elements of 4"},
        BadTensor{"shape: [1, 4] raw: '1234567890123456' values: [1, 2, 3, 4]", "inputs",
                  "exactly one"},
        BadTensor{"shape: [1, 4] dtype: DATA_TYPE_FLOAT64 raw: '1234567890123456'", "inputs.raw",
                  "16 bytes; the shape [1, 4] needs 4 elements of 8"},
        BadTensor{"shape: [1, 4] dtype: DATA_TYPE_UINT8 raw: '12345'", "inputs.raw", "5 bytes; "},
        BadTensor{"shape: [1, 4] dtype: DATA_TYPE_FLOAT64 values: [1, 2, 3, 4]", "inputs.values",
                  "DATA_TYPE_FLOAT64; must come in raw"},
        BadTensor{"shape: [1, 4] dtype: DATA_TYPE_UINT8 values: [1, 2, 3, 4]", "inputs.values",
                  "DATA_TYPE_UINT8; must come in raw"},
        BadTensor{"shape: [1, 4] dtype: 17 raw: '1234567890123456'", "inputs.dtype", "17; "}));

TEST(CheckRowsTest, SaysTheColumnsInTheMessage) {
  const absl::Status status =
      CheckRows(Values({1, 5}, {1, 2, 3, 4, 5}), "inputs", kFourColumns, Limits()).status();
  EXPECT_EQ(status.message(), "inputs: 5 columns, model 'iris' expects 4");
}

TEST(CheckRowsTest, RefusesMoreRowsThanTheLimitBeforeLookingForThem) {
  Limits limits;
  limits.max_rows = 2;
  ExpectRefused(
      CheckRows(FromText<v1::Tensor>("shape: [3, 4]"), "inputs", kFourColumns, limits).status(),
      "inputs.shape[0]", "3 exceeds max_rows of 2", "LIMIT_EXCEEDED");
}

TEST(CheckRowsTest, TakesNoRows) {
  const auto rows =
      CheckRows(FromText<v1::Tensor>("shape: [0, 4]"), "inputs", kFourColumns, Limits());
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->rows, 0);
}

TEST(CheckRowsTest, TakesAVectorOnlyWhereOneColumnIsWanted) {
  const v1::Tensor vector = Values({3}, {1, 2, 3});
  EXPECT_TRUE(CheckRows(vector, "t", {1, "", true, true}, Limits()).ok());
  EXPECT_FALSE(CheckRows(vector, "t", {3, "", true, true}, Limits()).ok());
  EXPECT_FALSE(CheckRows(vector, "t", {1, "", false, true}, Limits()).ok());
  EXPECT_FALSE(CheckRows(Values({3, 1}, {1, 2, 3}), "t", {1, "", true, false}, Limits()).ok());
}

TEST(CheckRowsTest, SeesTheSameNumbersInEveryEncoding) {
  const std::vector<v1::Tensor> tensors = {
      Values({2, 4}, {0, 1, 2, 3, 4, 5, 6, 255}),
      RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2, 4}, {0, 1, 2, 3, 4, 5, 6, 255}),
      RawTensor<double>(v1::DATA_TYPE_FLOAT64, {2, 4}, {0, 1, 2, 3, 4, 5, 6, 255}),
      RawTensor<uint8_t>(v1::DATA_TYPE_UINT8, {2, 4}, {0, 1, 2, 3, 4, 5, 6, 255})};
  for (const v1::Tensor& tensor : tensors) {
    const auto rows = CheckRows(tensor, "inputs", kFourColumns, Limits());
    ASSERT_TRUE(rows.ok()) << rows.status();
    std::vector<float> row(4);
    rows->elements.CopyRow(1, row);
    EXPECT_EQ(row, (std::vector<float>{4, 5, 6, 255}));
    EXPECT_EQ(rows->elements.ElementAt(7), 255);
    EXPECT_TRUE(CheckFinite(*rows, "inputs").ok());
  }
}

TEST(CheckFiniteTest, NamesRowColumnAndFeature) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const v1::Tensor tensor = Values({2, 4}, {0, 0, 0, 0, 0, 0, nan, 0});
  const auto rows = CheckRows(tensor, "inputs", kFourColumns, Limits());
  ExpectRefused(CheckFinite(*rows, "inputs"), "inputs", "row 1, column 2: nan; must be finite");
  ExpectRefused(CheckFinite(*rows, "inputs", {"a", "b", "width", "d"}), "inputs",
                "row 1, column 2 (width): nan; must be finite");
}

TEST(CheckFiniteTest, RefusesADoubleThatFloatCannotHold) {
  const auto tensor = RawTensor<double>(v1::DATA_TYPE_FLOAT64, {1, 4}, {0, -1e300, 0, 0});
  const auto rows = CheckRows(tensor, "inputs", kFourColumns, Limits());
  ExpectRefused(CheckFinite(*rows, "inputs"), "inputs",
                "row 0, column 1: -1e+300; must be finite as float32");
}

TEST(PlaceMatrixTest, WhatIsWrittenIsWhatIsReadInBothEncodings) {
  for (const auto encoding : {v1::TENSOR_ENCODING_VALUES, v1::TENSOR_ENCODING_RAW}) {
    for (const int64_t rows : {1, 2, 7}) {  // one row of raw lies in the string itself
      v1::Tensor tensor;
      const engine::MatrixView view = PlaceMatrix(rows, 3, encoding, &tensor);
      for (int64_t i = 0; i < rows * 3; ++i) view.data[i] = static_cast<float>(i) / 3;
      v1::Tensor parsed;
      ASSERT_TRUE(parsed.ParseFromString(tensor.SerializeAsString()));
      EXPECT_EQ(parsed.values().empty(), encoding == v1::TENSOR_ENCODING_RAW);
      const auto read = CheckRows(parsed, "t", {3, "", false, true}, Limits());
      ASSERT_TRUE(read.ok()) << read.status();
      for (int64_t i = 0; i < rows * 3; ++i) {
        EXPECT_EQ(read->elements.ElementAt(i), static_cast<double>(static_cast<float>(i) / 3));
      }
    }
  }
}

TEST(PlaceMatrixTest, PlacesNothingWhereThereIsNothing) {
  v1::Tensor tensor;
  EXPECT_EQ(PlaceMatrix(0, 3, v1::TENSOR_ENCODING_VALUES, &tensor).size(), 0);
  EXPECT_TRUE(CheckRows(tensor, "t", {3, "", false, true}, Limits()).ok());
}

TEST(ResolveEncodingTest, AnswersAsAskedElseAsTheRequestCame) {
  const v1::Tensor values = Values({1}, {1});
  const auto raw = RawTensor<float>(v1::DATA_TYPE_FLOAT32, {1}, {1});
  EXPECT_EQ(*ResolveEncoding(v1::TENSOR_ENCODING_UNSPECIFIED, &raw), v1::TENSOR_ENCODING_RAW);
  EXPECT_EQ(*ResolveEncoding(v1::TENSOR_ENCODING_UNSPECIFIED, &values), v1::TENSOR_ENCODING_VALUES);
  EXPECT_EQ(*ResolveEncoding(v1::TENSOR_ENCODING_UNSPECIFIED, nullptr), v1::TENSOR_ENCODING_VALUES);
  EXPECT_EQ(*ResolveEncoding(v1::TENSOR_ENCODING_RAW, &values), v1::TENSOR_ENCODING_RAW);
  ExpectRefused(ResolveEncoding(static_cast<v1::TensorEncoding>(9), &raw).status(), "encoding",
                "9; ");
}

TEST(ReplySizeTest, RefusesWhatCannotBeSentAndWhatCannotBeCounted) {
  Limits limits;
  ReplySize size;
  size.AddTensor(1000, 1000);
  EXPECT_GE(*size.Check("wrt", limits), 4'000'000);
  limits.max_message_bytes = 4'000'000;
  ExpectRefused(size.Check("wrt", limits).status(), "wrt", "max_message_bytes of 4000000",
                "LIMIT_EXCEEDED");
  size.AddTensor(std::numeric_limits<int64_t>::max(), 3);
  limits.max_message_bytes = std::numeric_limits<int64_t>::max();
  ExpectRefused(size.Check("wrt", limits).status(), "wrt", "of 2147483647", "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace chainrule::server
