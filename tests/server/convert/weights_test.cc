#include "server/convert/weights.h"

#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr char kSmall[] = "input_width: 2 layers { units: 2 } layers { units: 1 }";

absl::StatusOr<SetWeightsInput> Read(const v1::SetWeightsRequest& request) {
  return ReadSetWeights(std::make_shared<const v1::SetWeightsRequest>(request), ContextOf(kSmall));
}

struct BadWeights {
  std::string request;
  std::string field;
  std::string text;
};

void PrintTo(const BadWeights& bad, std::ostream* out) { *out << bad.request; }

class BadWeightsTest : public testing::TestWithParam<BadWeights> {};

TEST_P(BadWeightsTest, IsRefusedAtConstantCost) {
  ExpectRefused(
      CheckSetWeights(FromText<v1::SetWeightsRequest>(GetParam().request), ContextOf(kSmall))
          .status(),
      GetParam().field, GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    SetWeights, BadWeightsTest,
    testing::Values(
        BadWeights{"", "layers", "no tensors; at least one"},
        BadWeights{"layers { index: 1 }", "layers", "no tensors"},
        BadWeights{"layers { index: 2 biases { shape: 1 values: 1 } }", "layers[0].index",
                   "2; must be 0 to 1"},
        BadWeights{"layers { index: -1 }", "layers[0].index", "-1; must be 0 to 1"},
        BadWeights{"layers { index: 1 biases { shape: 1 values: 1 } } layers { index: 1 }",
                   "layers[1].index", "1; is named twice"},
        BadWeights{"layers { weights { shape: [1, 2] values: [1, 2] } }", "layers[0].weights.shape",
                   "[1, 2]; layer 0 of model 'iris' has [2, 2]"},
        BadWeights{"layers { weights {} }", "layers[0].weights.shape", "[]; layer 0"},
        BadWeights{"layers { index: 1 biases { shape: [1, 1] values: 1 } }",
                   "layers[0].biases.shape", "[1, 1]; layer 1 of model 'iris' has [1]"},
        BadWeights{"layers { biases { shape: 2 values: 1 } }", "layers[0].biases.values",
                   "1 elements; the shape [2] needs 2"},
        BadWeights{"layers { biases { shape: 2 values: [1, 2] } } if_step: -1", "if_step",
                   "-1; must be 0 or more"},
        BadWeights{"layers { biases { shape: 2 values: [1, 2] } } request_id: 'x'", "request_id",
                   "must be a UUID"}));

TEST(ReadSetWeightsTest, NamesTheElementThatIsNotFinite) {
  ExpectRefused(Read(FromText<v1::SetWeightsRequest>(
                         "layers { weights { shape: [2, 2] values: [1, 2, inf, 4] } }"))
                    .status(),
                "layers[0].weights", "row 1, column 0: inf; must be finite");
  ExpectRefused(
      Read(FromText<v1::SetWeightsRequest>("layers { biases { shape: 2 values: [1, nan] } }"))
          .status(),
      "layers[0].biases", "row 1: nan; must be finite");
}

TEST(ReadSetWeightsTest, ShowsTheSameNumbersFromEveryEncoding) {
  const std::vector<v1::Tensor> tensors = {
      Values({2, 2}, {1, 2, 3, 4}), RawTensor<float>(v1::DATA_TYPE_FLOAT32, {2, 2}, {1, 2, 3, 4}),
      RawTensor<double>(v1::DATA_TYPE_FLOAT64, {2, 2}, {1, 2, 3, 4})};
  for (const v1::Tensor& tensor : tensors) {
    v1::SetWeightsRequest request;
    *request.add_layers()->mutable_weights() = tensor;
    *request.mutable_layers(0)->mutable_biases() =
        RawTensor<double>(v1::DATA_TYPE_FLOAT64, {2}, {5, 6});
    const auto input = Read(request);
    ASSERT_TRUE(input.ok()) << input.status();
    ASSERT_EQ(input->layers.size(), 1U);
    EXPECT_EQ(input->layers[0].weights(1, 0), 3.0F);
    EXPECT_EQ(input->layers[0].biases.rows, 1);
    EXPECT_EQ(input->layers[0].biases(0, 1), 6.0F);
  }
}

TEST(ReadSetWeightsTest, LeavesAbsentTensorsNull) {
  const auto input =
      Read(FromText<v1::SetWeightsRequest>("layers { index: 1 biases { shape: 1 values: 5 } }"));
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->layers[0].index, 1);
  EXPECT_EQ(input->layers[0].weights.data, nullptr);
  EXPECT_EQ(input->layers[0].biases.columns, 1);
}

TEST(WriteWeightsTest, GivesBackWhatSetWeightsTakes) {
  const ModelContext model = ContextOf(kSmall);
  const engine::Network network(model.network());
  engine::AlignedBuffer block(static_cast<size_t>(network.block_size()));
  network.Initialize(block.span());
  network.bias(block.span(), 0)[1] = 9;
  for (const auto encoding : {v1::TENSOR_ENCODING_VALUES, v1::TENSOR_ENCODING_RAW}) {
    v1::GetWeightsRequest request;
    request.set_encoding(encoding);
    v1::GetWeightsResponse response;
    WriteWeights(*CheckGetWeights(request, model), network, std::as_const(block).span(), 3,
                 &response);
    EXPECT_EQ(response.model_step(), 3);
    v1::SetWeightsRequest back;
    *back.mutable_layers() = response.layers();
    const auto input = Read(back);
    ASSERT_TRUE(input.ok()) << input.status();
    ASSERT_EQ(input->layers.size(), 2U);
    EXPECT_EQ(input->layers[0].biases(0, 1), 9.0F);
    EXPECT_EQ(input->layers[0].weights(1, 0),
              network.weights(std::as_const(block).span(), 0)(1, 0));
  }
}

TEST(WriteWeightsTest, SaysUnchangedUnlessTheModelIsPastTheStep) {
  const ModelContext model = ContextOf(kSmall);
  const engine::Network network(model.network());
  const engine::AlignedBuffer block(static_cast<size_t>(network.block_size()));
  const auto arguments =
      CheckGetWeights(FromText<v1::GetWeightsRequest>("if_newer_than_step: 3"), model);
  v1::GetWeightsResponse same;
  WriteWeights(*arguments, network, block.span(), 3, &same);
  EXPECT_TRUE(same.unchanged());
  EXPECT_EQ(same.layers_size(), 0);
  v1::GetWeightsResponse newer;
  WriteWeights(*arguments, network, block.span(), 4, &newer);
  EXPECT_FALSE(newer.unchanged());
  EXPECT_EQ(newer.layers_size(), 2);
}

TEST(CheckGetWeightsTest, RefusesAnswersThatNoMessageHolds) {
  Limits limits;
  limits.max_message_bytes = 300;
  ExpectRefused(CheckGetWeights(v1::GetWeightsRequest(), ContextOf(kIris, limits)).status(),
                "layer_indexes", "max_message_bytes", "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace chainrule::server
