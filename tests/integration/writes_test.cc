// Calls that change a model: deadlines and cancellations keep whole steps, and a
// request_id makes a call happen once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
constexpr int64_t kForever = 1'000'000;  // epochs: minutes, so that it ends otherwise

class WritesTest : public ::testing::Test {
 protected:
  WritesTest() {
    server_.Create("m", MakeSpec({8, 16, 1}));
    server_.Create("twin", MakeSpec({8, 16, 1}));
  }

  std::string Weights(const std::string& model) {
    v1::GetWeightsRequest request;
    request.set_model(model);
    v1::GetWeightsResponse response;
    EXPECT_THAT(Call(&Models::GetWeights, server_.models(), request, &response), IsOk());
    return response.SerializeAsString();
  }

  v1::TrainResponse Train(const v1::TrainRequest& request) {
    v1::TrainResponse response;
    EXPECT_THAT(Call(&Training::Train, server_.training(), request, &response), IsOk());
    return response;
  }

  // Returns once the model has begun to learn, by its step.
  void WaitForAStep(const std::string& id) {
    while (server_.Get(id).step() == 0) std::this_thread::yield();
  }

  // A step in the model's queue, so that everything before it has ended. Returns the step
  // before it.
  int64_t StepAfterQueue(const std::string& id) {
    v1::SetWeightsRequest request;
    request.set_model("models/" + id);
    *request.add_layers()->mutable_biases() = MakeTensor({16}, std::vector<float>(16));
    v1::SetWeightsResponse response;
    EXPECT_THAT(Call(&Models::SetWeights, server_.models(), request, &response), IsOk());
    return response.model_step() - 1;
  }

  TestServer server_;
};

v1::TrainRequest LongTrain(const std::string& model) {
  v1::TrainRequest request = MakeTrain(model, MakeExamples(24, 8, 1));
  request.set_epochs(kForever);
  request.set_batch_size(8);
  return request;
}

// One step an epoch.
v1::TrainRequest AllAtOnce(const std::string& model) {
  v1::TrainRequest request = LongTrain(model);
  request.set_batch_size(0);
  request.set_keep_order(true);
  return request;
}

TEST_F(WritesTest, ADeadlineKeepsTheStepsDoneAndOnlyWholeOnes) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  v1::TrainResponse response;
  EXPECT_EQ(server_.training().Train(&context, AllAtOnce("models/m"), &response).error_code(),
            grpc::DEADLINE_EXCEEDED);
  const int64_t steps = StepAfterQueue("m");
  ASSERT_GT(steps, 0);
  // As many steps of an undisturbed twin, which sets the same biases then, give the same
  // weights.
  v1::TrainRequest twin = AllAtOnce("models/twin");
  twin.set_epochs(steps);
  EXPECT_EQ(Train(twin).steps_taken(), steps);
  StepAfterQueue("twin");
  EXPECT_EQ(Weights("models/m"), Weights("models/twin"));
}

TEST_F(WritesTest, WhatWasInterruptedAndRepeatedEndsAsIfUndisturbed) {
  v1::TrainRequest request = LongTrain("models/m");
  request.set_epochs(20'000);
  request.set_request_id(NewRequestId());
  int interruptions = 0;
  v1::TrainResponse response;
  grpc::Status status;
  do {
    grpc::ClientContext context;
    const auto patience = std::chrono::milliseconds(10 << interruptions);
    context.set_deadline(std::chrono::system_clock::now() + patience);
    status = server_.training().Train(&context, request, &response);
  } while (!status.ok() && ++interruptions < 15);
  ASSERT_THAT(status, IsOk());
  EXPECT_GE(interruptions, 1);
  EXPECT_EQ(response.model_step(), 60'000);
  request.set_model("models/twin");
  request.set_request_id(NewRequestId());
  EXPECT_EQ(Train(request).loss(), response.loss());
  EXPECT_EQ(Weights("models/m"), Weights("models/twin"));
}

TEST_F(WritesTest, CancellingStopsTrainingAtAWholeStep) {
  grpc::ClientContext context;
  v1::TrainResponse response;
  grpc::Status status;
  std::thread caller(
      [&] { status = server_.training().Train(&context, LongTrain("models/m"), &response); });
  WaitForAStep("m");
  context.TryCancel();
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::CANCELLED);
  const int64_t stopped = StepAfterQueue("m");
  EXPECT_EQ(server_.Get("m").step(), stopped + 1);
}

TEST_F(WritesTest, ACallThatIsCancelledWhileItWaitsLeavesTheOneThatRuns) {
  grpc::ClientContext running;
  std::thread first([&] {
    v1::TrainResponse response;
    EXPECT_EQ(server_.training().Train(&running, LongTrain("models/m"), &response).error_code(),
              grpc::CANCELLED);
  });
  WaitForAStep("m");
  grpc::ClientContext waiting;
  waiting.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
  v1::TrainResponse response;
  EXPECT_EQ(server_.training().Train(&waiting, LongTrain("models/m"), &response).error_code(),
            grpc::DEADLINE_EXCEEDED);
  const int64_t then = server_.Get("m").step();
  while (server_.Get("m").step() == then) std::this_thread::yield();
  running.TryCancel();
  first.join();
}

TEST_F(WritesTest, PredictionsGoOnWhileTheModelTrains) {
  grpc::ClientContext running;
  std::thread trainer([&] {
    v1::TrainResponse response;
    EXPECT_EQ(server_.training().Train(&running, LongTrain("models/m"), &response).error_code(),
              grpc::CANCELLED);
  });
  WaitForAStep("m");
  v1::PredictRequest request;
  request.set_model("models/m");
  *request.mutable_inputs() = MakeExamples(3, 8, 1).inputs();
  int64_t step = 0;
  for (int i = 0; i < 100; ++i) {
    v1::PredictResponse response;
    ASSERT_THAT(
        Call(&v1::PredictionService::Stub::Predict, server_.prediction(), request, &response),
        IsOk());
    EXPECT_GE(response.model_step(), step);
    step = response.model_step();
  }
  running.TryCancel();
  trainer.join();
}

TEST_F(WritesTest, DeletingEndsATrainingWithAborted) {
  grpc::Status status;
  std::thread trainer([&] {
    v1::TrainResponse response;
    status = Call(&Training::Train, server_.training(), LongTrain("models/m"), &response);
  });
  WaitForAStep("m");
  v1::DeleteModelRequest request;
  request.set_name("models/m");
  google::protobuf::Empty nothing;
  ASSERT_THAT(Call(&Models::DeleteModel, server_.models(), request, &nothing), IsOk());
  trainer.join();
  EXPECT_THAT(status, IsError(grpc::ABORTED, "MODEL_DELETED"));
  EXPECT_EQ(DetailsOf(status).metadata["model"], "models/m");
}

TEST_F(WritesTest, ATimeLimitIsNoError) {
  v1::TrainRequest request = LongTrain("models/m");
  request.mutable_time_limit()->set_nanos(50'000'000);
  const v1::TrainResponse response = Train(request);
  EXPECT_EQ(response.stop_reason(), v1::STOP_REASON_TIME_LIMIT);
  EXPECT_EQ(response.steps_taken(), response.model_step());
}

TEST_F(WritesTest, DivergenceKeepsTheLastGoodStep) {
  v1::ModelSpec spec = MakeSpec({1, 1});
  spec.set_loss(v1::LOSS_MEAN_SQUARED_ERROR);
  spec.mutable_layers(0)->set_activation(v1::ACTIVATION_IDENTITY);
  server_.Create("wild", spec);
  v1::TrainRequest request = MakeTrain("models/wild", v1::Examples());
  *request.mutable_examples()->mutable_inputs() = MakeTensor({1, 1}, {1000});
  *request.mutable_examples()->mutable_targets() = MakeTensor({1, 1}, {1});
  request.set_learning_rate(1000);
  request.set_epochs(1000);
  v1::TrainResponse response;
  const grpc::Status status = Call(&Training::Train, server_.training(), request, &response);
  EXPECT_THAT(status, IsError(grpc::FAILED_PRECONDITION, "DIVERGED"));
  EXPECT_EQ(DetailsOf(status).metadata["model_step"], std::to_string(server_.Get("wild").step()));
}

TEST_F(WritesTest, ARepeatedTrainIsReplayed) {
  v1::TrainRequest request = MakeTrain("models/m", MakeExamples(10, 8, 1));
  request.set_request_id(NewRequestId());
  const v1::TrainResponse first = Train(request);
  const v1::TrainResponse second = Train(request);
  EXPECT_FALSE(first.replayed());
  EXPECT_TRUE(second.replayed());
  EXPECT_EQ(second.loss(), first.loss());
  EXPECT_EQ(server_.Get("m").step(), 1);
  request.set_epochs(2);
  v1::TrainResponse response;
  EXPECT_THAT(Call(&Training::Train, server_.training(), request, &response),
              IsError(grpc::ALREADY_EXISTS, "REQUEST_ID_REUSED"));
}

TEST_F(WritesTest, ConcurrentRepeatsHappenOnce) {
  v1::TrainRequest request = MakeTrain("models/m", MakeExamples(10, 8, 1));
  request.set_epochs(500);
  request.set_request_id(NewRequestId());
  std::vector<v1::TrainResponse> responses(6);
  std::vector<std::thread> callers;
  for (v1::TrainResponse& response : responses) {
    callers.emplace_back([&] { response = Train(request); });
  }
  for (std::thread& caller : callers) caller.join();
  int replayed = 0;
  for (const v1::TrainResponse& response : responses) {
    EXPECT_EQ(response.model_step(), 500);
    replayed += response.replayed() ? 1 : 0;
  }
  EXPECT_EQ(replayed, 5);
  EXPECT_EQ(server_.Get("m").step(), 500);
}

TEST_F(WritesTest, AResourceThatIsReplayedSaysSoInItsMetadata) {
  v1::CreateModelRequest request = MakeCreate("once", MakeSpec({2, 1}));
  request.set_request_id(NewRequestId());
  std::string uid;
  for (const bool replayed : {false, true}) {
    grpc::ClientContext context;
    v1::Model model;
    ASSERT_THAT(server_.models().CreateModel(&context, request, &model), IsOk());
    EXPECT_EQ(context.GetServerInitialMetadata().count("chainrule-replayed"), replayed ? 1u : 0u);
    if (replayed) {
      EXPECT_EQ(model.uid(), uid);
    }
    uid = model.uid();
  }
}

TEST_F(WritesTest, AStepConditionNamesTheCurrentStep) {
  Train(MakeTrain("models/m", MakeExamples(4, 8, 1)));
  v1::TrainRequest request = MakeTrain("models/m", MakeExamples(4, 8, 1));
  request.set_if_step(0);
  v1::TrainResponse response;
  const grpc::Status status = Call(&Training::Train, server_.training(), request, &response);
  EXPECT_THAT(status, IsError(grpc::ABORTED, "STEP_MISMATCH"));
  EXPECT_EQ(DetailsOf(status).metadata["model_step"], "1");
  EXPECT_EQ(DetailsOf(status).metadata["if_step"], "0");
}

TEST_F(WritesTest, NormalisationIsFittedAtStepZeroOnly) {
  v1::TrainRequest request = MakeTrain("models/m", MakeExamples(4, 8, 1));
  request.set_fit_normalization(true);
  Train(request);
  EXPECT_EQ(server_.Get("m").spec().normalization().mean_size(), 8);
  v1::TrainResponse response;
  EXPECT_THAT(Call(&Training::Train, server_.training(), request, &response),
              IsError(grpc::FAILED_PRECONDITION, "ALREADY_TRAINED"));
}

}  // namespace
}  // namespace chainrule::test
