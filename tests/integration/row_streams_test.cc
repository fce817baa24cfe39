// StreamEvaluate and StreamGradients: what their unary twins say, at any size.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/stream_client.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Training = v1::TrainingService::Stub;
using EvaluateClient = StreamClient<v1::StreamEvaluateRequest, v1::StreamEvaluateResponse>;
using GradientsClient = StreamClient<v1::StreamGradientsRequest, v1::StreamGradientsResponse>;

// Parts of different sizes, and all of them as one.
std::vector<v1::Examples> Parts(int64_t inputs, int classes) {
  std::vector<v1::Examples> parts;
  for (uint32_t i = 0; i < 6; ++i) {
    parts.push_back(MakeClassifiedExamples(1 + 37 * i, inputs, classes, i + 1));
  }
  parts.push_back(MakeClassifiedExamples(0, inputs, classes));
  parts.back().mutable_class_labels();
  return parts;
}

v1::Examples Joined(const std::vector<v1::Examples>& parts) {
  v1::Examples all = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) {
    v1::Tensor* inputs = all.mutable_inputs();
    inputs->set_shape(0, inputs->shape(0) + parts[i].inputs().shape(0));
    inputs->mutable_values()->MergeFrom(parts[i].inputs().values());
    all.mutable_class_labels()->mutable_ids()->MergeFrom(parts[i].class_labels().ids());
  }
  return all;
}

class RowStreamsTest : public ::testing::Test {
 protected:
  RowStreamsTest() { server_.Create("m", MakeClassifierSpec(4, 9)); }

  EvaluateClient OpenEvaluate(const std::string& model = "models/m") {
    EvaluateClient stream([this](grpc::ClientContext* context) {
      return server_.training().StreamEvaluate(context);
    });
    v1::StreamEvaluateRequest request;
    request.mutable_header()->set_model(model);
    stream.Send(request);
    return stream;
  }
  GradientsClient OpenGradients(const std::vector<v1::GradientTarget>& wrt,
                                const std::string& model = "models/m") {
    v1::StreamGradientsHeader header;
    header.set_model(model);
    for (const v1::GradientTarget target : wrt) header.add_wrt(target);
    return OpenGradients(header);
  }
  GradientsClient OpenGradients(const v1::StreamGradientsHeader& header) {
    GradientsClient stream([this](grpc::ClientContext* context) {
      return server_.training().StreamGradients(context);
    });
    v1::StreamGradientsRequest request;
    *request.mutable_header() = header;
    stream.Send(request);
    return stream;
  }
  template <typename Client, typename Request>
  static bool SendRows(Client& stream, Request request, const v1::Examples& examples) {
    *request.mutable_examples() = examples;
    return stream.Send(request);
  }
  static bool SendRows(EvaluateClient& stream, const v1::Examples& examples) {
    return SendRows(stream, v1::StreamEvaluateRequest(), examples);
  }
  static bool SendRows(GradientsClient& stream, const v1::Examples& examples) {
    return SendRows(stream, v1::StreamGradientsRequest(), examples);
  }

  TestServer server_;
};

TEST_F(RowStreamsTest, EvaluateSaysWhatItsUnaryTwinSays) {
  const std::vector<v1::Examples> parts = Parts(4, 3);
  EvaluateClient stream = OpenEvaluate();
  for (const v1::Examples& part : parts) ASSERT_TRUE(SendRows(stream, part));
  stream.HalfClose();
  const auto answers = stream.Rest();
  ASSERT_THAT(stream.Finish(), IsOk());
  ASSERT_EQ(answers.size(), parts.size() + 1);
  EXPECT_EQ(answers[0].rows_received(), 1);
  EXPECT_EQ(answers[1].rows_received(), 1 + 38);
  v1::EvaluateRequest request;
  request.set_model("models/m");
  *request.mutable_examples() = Joined(parts);
  v1::EvaluateResponse whole;
  ASSERT_THAT(Call(&Training::Evaluate, server_.training(), request, &whole), IsOk());
  const v1::EvaluateResponse& streamed = answers.back().result();
  EXPECT_NEAR(streamed.loss(), whole.loss(), 1e-12 * whole.loss());
  EXPECT_EQ(streamed.metrics().SerializeAsString(), whole.metrics().SerializeAsString());
  EXPECT_EQ(streamed.rows(), whole.rows());
}

TEST_F(RowStreamsTest, EvaluateIsOfTheStepThatItsHeaderFound) {
  EvaluateClient stream = OpenEvaluate();
  SendRows(stream, MakeClassifiedExamples(5, 4, 3));
  ASSERT_TRUE(stream.Next().has_value());
  v1::TrainResponse trained;
  ASSERT_THAT(Call(&Training::Train, server_.training(),
                   MakeTrain("models/m", MakeClassifiedExamples(5, 4, 3)), &trained),
              IsOk());
  SendRows(stream, MakeClassifiedExamples(5, 4, 3));
  stream.HalfClose();
  const auto answers = stream.Rest();
  ASSERT_THAT(stream.Finish(), IsOk());
  EXPECT_EQ(answers.back().result().model_step(), 0);
}

TEST_F(RowStreamsTest, EvaluateOfMoreThanAMillionRowsIsBinnedAndSaysSo) {
  server_.Create("one", MakeSpec({1, 1}));
  EvaluateClient stream = OpenEvaluate("models/one");
  const v1::Examples rows = MakeClassifiedExamples(100'001, 1, 2);
  std::thread reader([&] {
    std::vector<v1::StreamEvaluateResponse> answers = stream.Rest();
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers.back().result().rows(), 1'000'010);
    EXPECT_TRUE(answers.back().result().metrics().roc_auc_binned());
    EXPECT_TRUE(answers.back().result().metrics().has_roc_auc());
  });
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(SendRows(stream, rows));
  stream.HalfClose();
  reader.join();
  EXPECT_THAT(stream.Finish(), IsOk());
}

TEST_F(RowStreamsTest, FaultsNameTheMessage) {
  EvaluateClient stream = OpenEvaluate();
  v1::Examples bad = MakeClassifiedExamples(5, 4, 3);
  bad.mutable_inputs()->set_values(9, std::numeric_limits<float>::quiet_NaN());
  SendRows(stream, MakeClassifiedExamples(5, 4, 3));
  SendRows(stream, bad);
  const grpc::Status status = stream.FinishAfterRest();
  EXPECT_THAT(status, IsBadField("examples.inputs", "row 2, column 1: nan; must be finite"));
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("message 2"));
  EXPECT_EQ(DetailsOf(status).metadata["message"], "2");
  GradientsClient gradients = OpenGradients({v1::GRADIENT_TARGET_PARAMETERS});
  SendRows(gradients, bad);
  EXPECT_EQ(DetailsOf(gradients.FinishAfterRest()).metadata["message"], "1");
}

TEST_F(RowStreamsTest, WhatIsMissingIsNamed) {
  EvaluateClient empty(
      [this](grpc::ClientContext* context) { return server_.training().StreamEvaluate(context); });
  empty.HalfClose();
  EXPECT_THAT(empty.FinishAfterRest(), IsBadField("header", "missing"));
  EvaluateClient rowless = OpenEvaluate();
  rowless.HalfClose();
  EXPECT_THAT(rowless.FinishAfterRest(),
              IsBadField("examples.inputs.shape[0]", "0; must be 1 or more"));
  EvaluateClient unknown = OpenEvaluate("models/nobody");
  EXPECT_THAT(unknown.FinishAfterRest(), IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
  GradientsClient activations = OpenGradients({v1::GRADIENT_TARGET_ACTIVATIONS});
  EXPECT_THAT(activations.FinishAfterRest(),
              IsBadField("header.wrt",
                         "GRADIENT_TARGET_ACTIVATIONS; a stream answers PARAMETERS and INPUTS"));
}

TEST_F(RowStreamsTest, ALaterMessageWithoutRowsIsRefused) {
  EvaluateClient evaluate = OpenEvaluate();
  evaluate.Send({});
  EXPECT_THAT(evaluate.FinishAfterRest(), IsBadField("kind", "unset; must be examples"));
  v1::StreamGradientsRequest header;
  header.mutable_header()->set_model("models/m");
  GradientsClient gradients = OpenGradients(header.header());
  gradients.Send(header);
  EXPECT_THAT(gradients.FinishAfterRest(), IsBadField("header", "set; only the first message"));
}

TEST_F(RowStreamsTest, AFaultInTheHeaderIsNamedWithItsWholePath) {
  GradientsClient target = OpenGradients({static_cast<v1::GradientTarget>(9)});
  EXPECT_THAT(target.FinishAfterRest(),
              IsBadField("header.wrt[0]",
                         "9; must be GRADIENT_TARGET_PARAMETERS or GRADIENT_TARGET_INPUTS"));
  v1::StreamGradientsHeader header;
  header.set_model("models/m");
  header.add_layer_indexes(0);
  header.add_layer_indexes(7);
  GradientsClient layers = OpenGradients(header);
  const grpc::Status status = layers.FinishAfterRest();
  EXPECT_THAT(status, IsBadField("header.layer_indexes[1]", "7; must be 0 to"));
  EXPECT_THAT(status.error_message(), ::testing::StartsWith("header.layer_indexes[1]: 7;"));
  header.clear_layer_indexes();
  header.set_encoding(static_cast<v1::TensorEncoding>(9));
  GradientsClient encoding = OpenGradients(header);
  EXPECT_THAT(encoding.FinishAfterRest(),
              IsBadField("header.encoding", "9; must be TENSOR_ENCODING_VALUES or"));
}

TEST_F(RowStreamsTest, GradientsAreThoseOfTheirUnaryTwin) {
  const std::vector<v1::Examples> parts = Parts(4, 3);
  GradientsClient stream =
      OpenGradients({v1::GRADIENT_TARGET_PARAMETERS, v1::GRADIENT_TARGET_INPUTS});
  for (const v1::Examples& part : parts) ASSERT_TRUE(SendRows(stream, part));
  stream.HalfClose();
  const auto answers = stream.Rest();
  ASSERT_THAT(stream.Finish(), IsOk());

  v1::GetGradientsRequest request;
  request.set_model("models/m");
  *request.mutable_examples() = Joined(parts);
  request.add_wrt(v1::GRADIENT_TARGET_PARAMETERS);
  request.add_wrt(v1::GRADIENT_TARGET_INPUTS);
  v1::GetGradientsResponse whole;
  ASSERT_THAT(Call(&Training::GetGradients, server_.training(), request, &whole), IsOk());

  std::vector<float> inputs;
  std::map<std::pair<int, bool>, std::vector<float>> parameters;
  for (const auto& answer : answers) {
    if (answer.has_summary()) {
      EXPECT_NEAR(answer.summary().loss(), whole.loss(), 1e-6);
      EXPECT_EQ(answer.summary().weight_sum(), whole.weight_sum());
      EXPECT_EQ(answer.summary().rows(), whole.input_gradients().shape(0));
    }
    const auto& rows = answer.input_gradients().values();
    inputs.insert(inputs.end(), rows.begin(), rows.end());
    if (!answer.has_part()) continue;
    auto& tensor = parameters[{answer.part().layer_index(), answer.part().is_bias()}];
    EXPECT_EQ(answer.part().offset(), static_cast<int64_t>(tensor.size()));
    const auto& elements = answer.part().elements().values();
    tensor.insert(tensor.end(), elements.begin(), elements.end());
  }
  using ::testing::FloatNear;
  using ::testing::Pointwise;
  EXPECT_THAT(inputs, Pointwise(FloatNear(1e-6F), whole.input_gradients().values()));
  ASSERT_EQ(parameters.size(), 4u);
  for (const v1::LayerTensors& layer : whole.layers()) {
    EXPECT_THAT((parameters[{layer.index(), false}]),
                Pointwise(FloatNear(1e-6F), layer.weights().values()));
    EXPECT_THAT((parameters[{layer.index(), true}]),
                Pointwise(FloatNear(1e-6F), layer.biases().values()));
  }
}

TEST_F(RowStreamsTest, LargeGradientsComeInPartsAndWaitForTheirReader) {
  // It reports, and suppresses, each read of what gRPC received: minutes for such messages.
  if (std::getenv("TSAN_OPTIONS") != nullptr) GTEST_SKIP() << "too slow under ThreadSanitizer";
  server_.Create("large", MakeSpec({3000, 3000, 1}));  // 36 MB of gradients
  const auto stub = v1::TrainingService::NewStub(server_.NewChannel(64 << 10));
  GradientsClient stream(
      [&](grpc::ClientContext* context) { return stub->StreamGradients(context); });
  v1::StreamGradientsRequest request;
  request.mutable_header()->set_model("models/large");
  request.mutable_header()->set_encoding(v1::TENSOR_ENCODING_RAW);
  stream.Send(request);
  SendRows(stream, MakeExamples(2, 3000, 1));
  stream.HalfClose();
  int64_t elements = 0;
  for (const auto& answer : stream.Rest()) {
    EXPECT_LE(answer.ByteSizeLong(), size_t{1} << 20);
    if (answer.has_part()) elements += answer.part().elements().shape(0);
  }
  EXPECT_THAT(stream.Finish(), IsOk());
  EXPECT_EQ(elements, 3000 * 3000 + 3000 + 3000 + 1);
}

TEST_F(RowStreamsTest, ClientsThatGoInTheMiddleLeaveTheServerWell) {
  for (int i = 0; i < 60; ++i) {
    GradientsClient stream =
        OpenGradients({v1::GRADIENT_TARGET_PARAMETERS, v1::GRADIENT_TARGET_INPUTS});
    for (uint32_t j = 0; j < 5; ++j) SendRows(stream, MakeClassifiedExamples(300, 4, 3, j + 1));
    if (i % 3 == 0) stream.HalfClose();
    if (i % 2 == 0) stream.Next();
    stream.Cancel();
    EXPECT_EQ(stream.FinishAfterRest().error_code(), grpc::CANCELLED);
  }
  v1::EvaluateRequest request;
  request.set_model("models/m");
  *request.mutable_examples() = MakeClassifiedExamples(5, 4, 3);
  v1::EvaluateResponse response;
  EXPECT_THAT(Call(&Training::Evaluate, server_.training(), request, &response), IsOk());
}

TEST_F(RowStreamsTest, AServerThatStopsEndsThem) {
  EvaluateClient evaluate = OpenEvaluate();
  SendRows(evaluate, MakeClassifiedExamples(5, 4, 3));
  ASSERT_TRUE(evaluate.Next().has_value());
  std::thread drain([&] { server_.server().Drain(); });
  EXPECT_THAT(evaluate.FinishAfterRest(), IsError(grpc::UNAVAILABLE, "STOPPING"));
  drain.join();
}

}  // namespace
}  // namespace chainrule::test
