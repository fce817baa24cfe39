#include "server/convert/inference.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr char kGood[] = R"(
  model_name: "iris" id: "7"
  inputs { name: "input" datatype: "FP32" shape: [1, 4] contents { fp32_contents: [1, 2, 3, 4] } })";

inference::ModelInferRequest Request(const std::string& text) {
  return FromText<inference::ModelInferRequest>(text);
}

void ExpectBad(const inference::ModelInferRequest& request, absl::string_view field,
               absl::string_view text, const Limits& limits = {},
               absl::string_view reason = "INVALID_FIELD") {
  ExpectRefused(CheckInfer(request, ContextOf(kIris, limits)).status(), field, text, reason);
}

TEST(InferenceTest, ViewsTheRequestsOwnFloats) {
  const auto request = Request(kGood);
  const auto arguments = CheckInfer(request, ContextOf(kIris));
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->inputs.elements.data, request.inputs(0).contents().fp32_contents().data());
  EXPECT_EQ(arguments->inputs.rows, 1);
  EXPECT_FALSE(arguments->raw);
}

TEST(InferenceTest, AnswersInTheRequestsEncoding) {
  const ModelContext model = ContextOf(kIris);
  for (const bool raw : {false, true}) {
    inference::ModelInferResponse response;
    const InferArguments arguments{{{}, 2}, raw};
    const engine::MatrixView outputs = PlaceInference(arguments, *model.settings, &response);
    ASSERT_EQ(outputs.rows, 2);
    ASSERT_EQ(outputs.columns, 3);
    for (int i = 0; i < 6; ++i) outputs.data[i] = static_cast<float>(i);
    WriteInference(Request(kGood), 12, 3, &response);
    EXPECT_EQ(response.model_version(), "3");
    EXPECT_EQ(response.id(), "7");
    EXPECT_EQ(response.parameters().at("model_step").int64_param(), 12);
    EXPECT_EQ(response.outputs(0).contents().fp32_contents_size(), raw ? 0 : 6);
    ASSERT_EQ(response.raw_output_contents_size(), raw ? 1 : 0);
    if (raw) {
      EXPECT_EQ(response.raw_output_contents(0), Raw<float>({0, 1, 2, 3, 4, 5}));
    }
  }
}

TEST(InferenceTest, RefusesRawContentsOfAnotherNumberOrBesideTyped) {
  auto request = Request(kGood);
  request.add_raw_input_contents(Raw<float>({1, 2, 3, 4}));
  ExpectBad(request, "inputs[0].contents", "raw_input_contents");
  request.mutable_inputs(0)->clear_contents();
  request.add_raw_input_contents("");
  ExpectBad(request, "raw_input_contents", "2; must be one");
}

TEST(InferenceTest, RefusesElementsInAFieldOfAnotherDatatype) {
  auto request = Request(kGood);
  request.mutable_inputs(0)->mutable_contents()->add_fp64_contents(1);
  ExpectBad(request, "inputs[0].contents", "beside fp32_contents");
  request.mutable_inputs(0)->mutable_contents()->clear_fp64_contents();
  request.mutable_inputs(0)->mutable_contents()->add_bytes_contents();
  ExpectBad(request, "inputs[0].contents", "beside fp32_contents");
}

TEST(InferenceTest, RefusesWhatIsBeyondTheLimits) {
  auto request = Request(kGood);
  request.mutable_inputs(0)->set_shape(0, 11);
  ExpectBad(request, "inputs[0].shape[0]", "11", {.max_rows = 10}, "LIMIT_EXCEEDED");
  request.mutable_inputs(0)->set_shape(0, int64_t{1} << 61);
  ExpectBad(request, "inputs[0].shape[0]", "counted", {.max_rows = int64_t{1} << 62});
}

TEST(InferenceTest, RefusesAnAnswerThatIsLargerThanAMessage) {
  auto request = Request(kGood);
  request.mutable_inputs(0)->set_shape(0, 1000);
  for (int i = 0; i < 3996; ++i) {
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  }
  ExpectBad(request, "inputs", "max_message_bytes", {.max_message_bytes = 10'000},
            "LIMIT_EXCEEDED");
}

}  // namespace
}  // namespace chainrule::server
