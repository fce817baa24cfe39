#include "server/convert/gradients.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr char kRows[] =
    "examples { inputs { shape: [2, 4] values: [1, 2, 3, 4, 5, 6, 7, 8] } "
    "class_labels { ids: [0, 1] } } ";

absl::StatusOr<GradientsArguments> Check(const std::string& more, const Limits& limits = {}) {
  return CheckGetGradients(FromText<v1::GetGradientsRequest>(absl::StrCat(kRows, more)),
                           ContextOf(kIris, limits));
}

TEST(CheckGetGradientsTest, MeansParametersOfAllLayersUnlessToldOtherwise) {
  const auto arguments = Check("");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_TRUE(arguments->parameters);
  EXPECT_FALSE(arguments->inputs || arguments->activations || arguments->example_norms);
  EXPECT_EQ(arguments->layers, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(arguments->rows, 2);
}

TEST(CheckGetGradientsTest, RefusesByNameValueAndRange) {
  ExpectRefused(Check("wrt: GRADIENT_TARGET_UNSPECIFIED").status(), "wrt[0]", "0; ");
  ExpectRefused(Check("wrt: [1, 9]").status(), "wrt[1]", "9; ");
  ExpectRefused(Check("layer_indexes: 2").status(), "layer_indexes[0]", "2; must be 0 to 1");
  ExpectRefused(Check("layer_indexes: [0, -1]").status(), "layer_indexes[1]", "-1; must be 0 to");
  ExpectRefused(Check("layer_indexes: [1, 0, 1]").status(), "layer_indexes[2]", "named twice");
  ExpectRefused(Check("encoding: 5").status(), "encoding", "5; ");
  ExpectRefused(CheckGetGradients(v1::GetGradientsRequest(), ContextOf(kIris)).status(),
                "examples.inputs.shape", "[]; ");
}

TEST(CheckGetGradientsTest, RefusesAnswersThatNoMessageHolds) {
  Limits limits;
  limits.max_message_bytes = 1000;  // 43 parameters are in it, the activations are not
  EXPECT_TRUE(Check("", limits).ok());
  ExpectRefused(Check("wrt: GRADIENT_TARGET_ACTIVATIONS", limits).status(), "wrt",
                "max_message_bytes", "LIMIT_EXCEEDED");
}

TEST(PlaceGradientsTest, PlacesWhatWasAskedForAndNothingElse) {
  const auto arguments = Check("wrt: [1, 2, 3] layer_indexes: 1 example_norms: true");
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  v1::GetGradientsResponse response;
  const auto places = PlaceGradients(*arguments, ContextOf(kIris).network(), &response);
  ASSERT_EQ(places.layers.size(), 2U);
  EXPECT_EQ(places.layers[0].weights.data, nullptr);
  EXPECT_EQ(places.layers[0].z.data, nullptr);
  EXPECT_EQ(places.layers[1].weights.rows, 3);
  EXPECT_EQ(places.layers[1].weights.columns, 5);
  EXPECT_EQ(places.layers[1].bias.size(), 3U);
  EXPECT_EQ(places.layers[1].da.rows, 2);
  EXPECT_EQ(places.inputs.columns, 4);
  EXPECT_EQ(places.example_norms.size(), 2U);
  ASSERT_EQ(response.layers_size(), 1);
  EXPECT_EQ(response.layers(0).index(), 1);
  EXPECT_EQ(response.activations(0).index(), 1);
}

TEST(PlaceGradientsTest, WhatIsWrittenToThePlacesIsInTheReply) {
  const auto arguments = Check("encoding: TENSOR_ENCODING_VALUES layer_indexes: [1, 0]");
  v1::GetGradientsResponse response;
  const auto places = PlaceGradients(*arguments, ContextOf(kIris).network(), &response);
  places.layers[0].weights(4, 3) = 7;
  places.layers[1].bias[2] = 8;
  EXPECT_EQ(response.layers(0).index(), 1);  // in the order asked for
  EXPECT_EQ(response.layers(0).biases().values(2), 8);
  EXPECT_EQ(response.layers(1).weights().values(19), 7);
  EXPECT_EQ(response.layers(1).weights().shape(0), 5);
}

TEST(PlaceGradientsTest, PlacesNoParametersUnlessAsked) {
  const auto arguments = Check("wrt: GRADIENT_TARGET_INPUTS");
  v1::GetGradientsResponse response;
  const auto places = PlaceGradients(*arguments, ContextOf(kIris).network(), &response);
  EXPECT_EQ(response.layers_size(), 0);
  EXPECT_EQ(places.layers[1].weights.data, nullptr);
  EXPECT_TRUE(response.has_input_gradients());
  EXPECT_TRUE(places.example_norms.empty());
}

absl::StatusOr<int64_t> Samples(const std::string& more) {
  return CheckCheckGradients(FromText<v1::CheckGradientsRequest>(absl::StrCat(kRows, more)),
                             ContextOf(kIris));
}

TEST(CheckCheckGradientsTest, ComparesAHundredUnlessToldOtherwise) {
  EXPECT_EQ(*Samples(""), 100);
  EXPECT_EQ(*Samples("samples: 7"), 7);
  ExpectRefused(Samples("samples: -1").status(), "samples", "-1; must be 0 to 10000");
  ExpectRefused(Samples("samples: 10001").status(), "samples", "10001; must be 0 to 10000");
}

}  // namespace
}  // namespace chainrule::server
