// StreamPredict: answers in order, errors of their items, and clients that stall or go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "inference/grpc_service.grpc.pb.h"
#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/stream_client.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Prediction = v1::PredictionService::Stub;
using Client = StreamClient<v1::StreamPredictRequest, v1::StreamPredictResponse>;

v1::StreamPredictRequest Request(const std::string& model, int64_t rows, int64_t inputs,
                                 uint32_t seed = 1) {
  v1::StreamPredictRequest request;
  request.mutable_request()->set_model(model);
  *request.mutable_request()->mutable_inputs() = MakeExamples(rows, inputs, 1, seed).inputs();
  return request;
}

Client Open(Prediction& stub) {
  return Client([&stub](grpc::ClientContext* context) { return stub.StreamPredict(context); });
}

grpc::Status ErrorOf(const v1::StreamPredictResponse& response) {
  return {static_cast<grpc::StatusCode>(response.error().code()), response.error().message(),
          response.error().SerializeAsString()};
}

class PredictStreamTest : public ::testing::Test {
 protected:
  PredictStreamTest() {
    server_.Create("a", MakeSpec({3, 8, 2}));
    server_.Create("b", MakeSpec({4, 1}));
  }

  v1::PredictResponse Alone(const v1::PredictRequest& request) {
    v1::PredictResponse response;
    EXPECT_THAT(Call(&Prediction::Predict, server_.prediction(), request, &response), IsOk());
    return response;
  }

  int64_t Answered(const std::string& model) {
    auto stub = inference::GRPCInferenceService::NewStub(server_.NewChannel());
    inference::ModelStatisticsRequest request;
    request.set_name(model);
    inference::ModelStatisticsResponse response;
    EXPECT_THAT(
        Call(&inference::GRPCInferenceService::Stub::ModelStatistics, *stub, request, &response),
        IsOk());
    return static_cast<int64_t>(response.model_stats(0).inference_stats().success().count());
  }

  TestServer server_;
};

TEST_F(PredictStreamTest, AnswersInTheOrderOfTheRequestsWithPredictsBits) {
  Client stream = Open(server_.prediction());
  std::vector<v1::StreamPredictRequest> requests;
  for (uint32_t i = 0; i < 500; ++i) {
    requests.push_back(i % 3 == 0 ? Request("models/b", 1 + i % 7, 4, i)
                                  : Request("models/a", 1 + i % 5, 3, i));
  }
  std::thread sender([&] {
    for (const auto& request : requests) EXPECT_TRUE(stream.Send(request));
    stream.HalfClose();
  });
  const std::vector<v1::StreamPredictResponse> answers = stream.Rest();
  sender.join();
  ASSERT_THAT(stream.Finish(), IsOk());
  ASSERT_EQ(answers.size(), requests.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].response().SerializeAsString(),
              Alone(requests[i].request()).SerializeAsString());
  }
}

TEST_F(PredictStreamTest, AnEmptyModelIsThatOfTheRequestBefore) {
  Client stream = Open(server_.prediction());
  stream.Send(Request("models/b", 2, 4, 1));
  stream.Send(Request("", 2, 4, 2));
  stream.HalfClose();
  const auto answers = stream.Rest();
  ASSERT_THAT(stream.Finish(), IsOk());
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1].response().SerializeAsString(),
            Alone(Request("models/b", 2, 4, 2).request()).SerializeAsString());
}

TEST_F(PredictStreamTest, AnErrorBelongsToItsItemAndTheStreamGoesOn) {
  Client stream = Open(server_.prediction());
  v1::StreamPredictRequest bad = Request("", 2, 3);
  bad.mutable_request()->mutable_inputs()->set_values(4, std::numeric_limits<float>::infinity());
  stream.Send(Request("", 1, 3));  // no request before it
  stream.Send(Request("models/a", 1, 5));
  stream.Send(bad);
  stream.Send(Request("models/nobody", 1, 3));
  stream.Send(Request("models/a", 1, 3));
  stream.HalfClose();
  const auto answers = stream.Rest();
  ASSERT_THAT(stream.Finish(), IsOk());
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_THAT(ErrorOf(answers[0]),
              IsBadField("model", "''; must be models/{model}, models/{model}@{version}"));
  EXPECT_THAT(ErrorOf(answers[1]), IsBadField("inputs.shape[1]", "5; model 'a' expects 3"));
  EXPECT_THAT(ErrorOf(answers[2]), IsBadField("inputs", "row 1, column 1: inf; must be finite"));
  EXPECT_THAT(ErrorOf(answers[3]), IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
  EXPECT_TRUE(answers[4].has_response());
}

TEST_F(PredictStreamTest, AnAnswerAboveTwoMebibytesIsRefusedAsItsItemsError) {
  server_.Create("wide", MakeSpec({1, 1000}));
  Client stream = Open(server_.prediction());
  stream.Send(Request("models/wide", 600, 1));
  stream.Send(Request("models/wide", 500, 1));
  stream.HalfClose();
  const auto answers = stream.Rest();
  ASSERT_THAT(stream.Finish(), IsOk());
  EXPECT_THAT(ErrorOf(answers[0]), IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_TRUE(answers[1].has_response());
}

TEST_F(PredictStreamTest, AReaderThatStallsHoldsTheWriterBackAndLosesNothing) {
  // It reports, and suppresses, each read of what gRPC received: minutes for such messages.
  if (std::getenv("TSAN_OPTIONS") != nullptr) GTEST_SKIP() << "too slow under ThreadSanitizer";
  constexpr int kRequests = 150;
  server_.Create("wide", MakeSpec({1, 1000}));
  const v1::StreamPredictRequest request = Request("models/wide", 250, 1);  // an answer of 1 MB
  const auto stub = v1::PredictionService::NewStub(server_.NewChannel(64 << 10));
  Client stream = Open(*stub);
  std::thread sender([&] {
    for (int i = 0; i < kRequests; ++i) EXPECT_TRUE(stream.Send(request));
    stream.HalfClose();
  });
  while (Answered("wide") < 3) std::this_thread::yield();
  int64_t answered = 0;
  for (int i = 0; i < 300; ++i) answered = Answered("wide");
  // 2 MiB that wait, 4 MiB under way, and what sockets buffer.
  EXPECT_LT(answered, 30);
  EXPECT_EQ(stream.Rest().size(), size_t{kRequests});
  EXPECT_THAT(stream.Finish(), IsOk());
  sender.join();
}

TEST_F(PredictStreamTest, ClientsThatGoInTheMiddleLeaveTheServerWell) {
  for (int i = 0; i < 50; ++i) {
    Client stream = Open(server_.prediction());
    for (uint32_t j = 0; j < 20; ++j) stream.Send(Request("models/a", 30, 3, j));
    if (i % 2 == 0) stream.Next();
    stream.Cancel();
    EXPECT_EQ(stream.FinishAfterRest().error_code(), grpc::CANCELLED);
  }
  Alone(Request("models/a", 1, 3).request());
}

TEST_F(PredictStreamTest, AServerThatStopsEndsIt) {
  Client stream = Open(server_.prediction());
  stream.Send(Request("models/a", 1, 3));
  ASSERT_TRUE(stream.Next().has_value());
  std::thread drain([&] { server_.server().Drain(); });
  EXPECT_THAT(stream.FinishAfterRest(), IsError(grpc::UNAVAILABLE, "STOPPING"));
  drain.join();
}

}  // namespace
}  // namespace chainrule::test
