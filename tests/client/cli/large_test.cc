// Data sets that one message does not hold: the commands answer the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/client/cli/cli_test_support.h"

namespace chainrule::client {
namespace {

using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

server::Options SmallMessages() {
  server::Options options = test::TestOptions();
  options.limits.max_message_bytes = 6'000;  // iris takes two
  return options;
}

class LargeTest : public ::testing::Test {
 protected:
  LargeTest() {
    for (const test::TestServer* server : {&whole_, &cut_}) {
      EXPECT_EQ(Run(*server, {"create", "iris", "--from", Data("iris.csv"), "--label", "species",
                              "--hidden", "8"})
                    .code,
                0);
    }
  }

  static Answer Run(const test::TestServer& server, std::vector<std::string> words) {
    words.insert(words.end(),
                 {"--server", const_cast<test::TestServer&>(server).server().grpc_address()});
    return RunProgram(words);
  }
  template <typename Message>
  static Message RunJson(const test::TestServer& server, std::vector<std::string> words) {
    words.emplace_back("--output=json");
    const Answer answer = Run(server, words);
    EXPECT_EQ(answer.code, 0) << answer.error;
    Message message;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(answer.out, &message).ok());
    return message;
  }

  const test::TestServer whole_;
  const test::TestServer cut_{SmallMessages()};
};

TEST_F(LargeTest, EvaluateStreamsAndSaysTheSame) {
  const std::vector<std::string> words = {"evaluate", "iris", Data("iris.csv"), "--label",
                                          "species"};
  const auto whole = RunJson<v1::EvaluateResponse>(whole_, words);
  const auto cut = RunJson<v1::EvaluateResponse>(cut_, words);
  EXPECT_EQ(cut.rows(), 150);
  EXPECT_NEAR(cut.loss(), whole.loss(), 1e-9);
  EXPECT_EQ(cut.metrics().DebugString(), whole.metrics().DebugString());
}

TEST_F(LargeTest, GradientsStreamAndSayTheSame) {
  const std::vector<std::string> words = {"gradients", "iris",  Data("iris.csv"),   "--label",
                                          "species",   "--wrt", "parameters,inputs"};
  const auto whole = RunJson<v1::GetGradientsResponse>(whole_, words);
  const auto cut = RunJson<v1::GetGradientsResponse>(cut_, words);
  EXPECT_NEAR(cut.loss(), whole.loss(), 1e-6);
  EXPECT_EQ(cut.weight_sum(), 150);
  ASSERT_EQ(cut.layers_size(), whole.layers_size());
  for (int i = 0; i < whole.layers_size(); ++i) {
    const v1::LayerTensors& layer = whole.layers(i);
    EXPECT_THAT(cut.layers(i).weights().shape(),
                ::testing::ElementsAreArray(layer.weights().shape()));
    EXPECT_THAT(cut.layers(i).weights().values(),
                Pointwise(FloatNear(1e-5F), layer.weights().values()));
    EXPECT_THAT(cut.layers(i).biases().values(),
                Pointwise(FloatNear(1e-5F), layer.biases().values()));
  }
  EXPECT_THAT(cut.input_gradients().values(),
              Pointwise(FloatNear(1e-5F), whole.input_gradients().values()));
}

TEST_F(LargeTest, PredictionsThatOneMessageDoesNotHoldAreAskedForInParts) {
  for (const test::TestServer* server : {&whole_, &cut_}) {
    ASSERT_EQ(Run(*server, {"create", "many", "--inputs", "4", "--outputs", "60"}).code, 0);
  }
  const std::vector<std::string> words = {"predict", "many",          Data("iris.csv"), "--ignore",
                                          "species", "--by-position", "--values"};
  const auto whole = RunJson<v1::PredictResponse>(whole_, words);
  const auto cut = RunJson<v1::PredictResponse>(cut_, words);
  EXPECT_EQ(cut.outputs().shape(0), 150);
  EXPECT_THAT(cut.outputs().values(), ::testing::ElementsAreArray(whole.outputs().values()));
}

TEST_F(LargeTest, AnAnswerThatOneMessageDoesNotHoldIsStreamedToo) {
  ASSERT_EQ(Run(cut_, {"create", "wide", "--from", Data("iris.csv"), "--label", "species",
                       "--hidden", "400"})
                .code,
            0);
  const auto answer = RunJson<v1::GetGradientsResponse>(
      cut_, {"gradients", "wide", "--row", "1,2,3,4", "--answer", "setosa"});
  ASSERT_EQ(answer.layers_size(), 2);
  EXPECT_EQ(answer.layers(0).weights().values_size(), 400 * 4);
  EXPECT_EQ(answer.layers(1).weights().values_size(), 3 * 400);
}

TEST_F(LargeTest, WeightsThatOneMessageDoesNotHoldComeALayerAtATime) {
  for (const test::TestServer* server : {&whole_, &cut_}) {
    ASSERT_EQ(Run(*server, {"create", "deep", "--inputs", "4", "--hidden", "30,30,30"}).code, 0);
  }
  const std::vector<std::string> words = {"weights", "show", "deep"};
  const auto whole = RunJson<v1::GetWeightsResponse>(whole_, words);
  const auto cut = RunJson<v1::GetWeightsResponse>(cut_, words);
  EXPECT_EQ(cut.layers_size(), 4);
  EXPECT_EQ(cut.DebugString(), whole.DebugString());
  const Answer some = Run(cut_, {"weights", "show", "deep", "--layers", "1,2"});
  EXPECT_EQ(some.code, 0);
  EXPECT_THAT(some.out, HasSubstr("2  weights  30×30"));
}

TEST_F(LargeTest, CheckNamesTheLimitThatItsRowsExceed) {
  const std::vector<std::string> words = {"check", "iris", Data("iris.csv"), "--label", "species"};
  const Answer answer = Run(cut_, words);
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.error, HasSubstr("in one call: its max_message_bytes is 6000"));
}

TEST_F(LargeTest, WhatStreamsDoNotAnswerIsSaid) {
  const Answer answer =
      Run(cut_, {"gradients", "iris", Data("iris.csv"), "--label", "species", "--example-norms"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.error, HasSubstr("by parameters and inputs only"));
}

}  // namespace
}  // namespace chainrule::client
