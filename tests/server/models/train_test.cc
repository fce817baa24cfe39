// How calls that train take their turns, what they publish, and how they end.
#include <memory>
#include <vector>

#include "engine/core/cancellation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Ne;

class TrainTest : public ::testing::Test {
 protected:
  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
};

TEST_F(TrainTest, CountsEachMiniBatchAsAStep) {
  Answer<TrainReply> answer;
  model_->Train(TestCall(2, &answer));
  scheduler_.RunAll();
  ASSERT_TRUE(answer.Get().ok()) << answer.status();
  EXPECT_EQ(answer.Get()->result.steps_taken, 6);
  EXPECT_EQ(answer.Get()->model_step, 6);
  EXPECT_FALSE(answer.Get()->replayed);
  EXPECT_EQ(model_->Describe().step, 6);
}

TEST_F(TrainTest, ReadersSeeAStepBeforeReportAndReplyNameIt) {
  Answer<TrainReply> answer;
  TrainCall call = TestCall(3, &answer);
  std::vector<int64_t> reported;
  call.on_epoch = [&](const engine::EpochReport& report) {
    reported.push_back(report.model_step);
    EXPECT_EQ(model_->snapshot()->step(), report.model_step);
  };
  call.done = [&](absl::StatusOr<TrainReply> reply) {
    EXPECT_EQ(model_->snapshot()->step(), reply->model_step);
    answer.Done()(std::move(reply));
  };
  model_->Train(std::move(call));
  scheduler_.RunAll();
  EXPECT_THAT(reported, ElementsAre(3, 6, 9));
  EXPECT_TRUE(answer.ready());
}

TEST_F(TrainTest, EachSliceEndsWithItsStepsPublished) {
  Answer<TrainReply> answer;
  model_->Train(TestCall(2, &answer));
  for (int64_t step = 1; step <= 6; ++step) {
    scheduler_.RunOne();
    EXPECT_EQ(model_->snapshot()->step(), step);
  }
  EXPECT_TRUE(answer.ready());
  EXPECT_TRUE(scheduler_.idle());
}

TEST_F(TrainTest, SnapshotDoesNotChangeUnderItsReader) {
  const std::shared_ptr<const Snapshot> first = model_->snapshot();
  const std::vector<float> before = Parameters(*first);
  Answer<TrainReply> answer;
  model_->Train(TestCall(5, &answer));
  scheduler_.RunOne();
  const std::shared_ptr<const Snapshot> second = model_->snapshot();
  const std::vector<float> between = Parameters(*second);
  scheduler_.RunAll();
  EXPECT_EQ(Parameters(*first), before);
  EXPECT_EQ(Parameters(*second), between);
  EXPECT_THAT(Parameters(*model_), Ne(between));
}

TEST_F(TrainTest, CallsRunInTheOrderTheyCame) {
  Answer<TrainReply> first, second, third;
  model_->Train(TestCall(2, &first));
  model_->Train(TestCall(1, &second));
  model_->Train(TestCall(1, &third));
  EXPECT_EQ(scheduler_.scheduled(), 1);
  scheduler_.RunAll();
  EXPECT_EQ(first.Get()->model_step, 6);
  EXPECT_EQ(second.Get()->model_step, 9);
  EXPECT_EQ(third.Get()->model_step, 12);
}

TEST_F(TrainTest, IsScheduledAgainAfterItsQueueWasEmpty) {
  Answer<TrainReply> first, second;
  model_->Train(TestCall(1, &first));
  scheduler_.RunAll();
  model_->Train(TestCall(1, &second));
  scheduler_.RunAll();
  EXPECT_EQ(second.Get()->model_step, 6);
  EXPECT_EQ(scheduler_.scheduled(), 2);
}

TEST_F(TrainTest, IfStepThatDoesNotHoldReadsAndChangesNothing) {
  const std::vector<float> before = Parameters(*model_);
  Answer<TrainReply> answer;
  TrainCall call = TestCall(1, &answer);
  call.write.if_step = 4;
  bool was_read = false;
  call.read = [&] {
    was_read = true;
    return TestRows(10);
  };
  model_->Train(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(answer.status()), "STEP_MISMATCH");
  EXPECT_EQ(Metadata(answer.status(), "model_step"), "0");
  EXPECT_EQ(Metadata(answer.status(), "if_step"), "4");
  EXPECT_FALSE(was_read);
  EXPECT_EQ(Parameters(*model_), before);
}

TEST_F(TrainTest, IfStepIsJudgedAtTheCallsTurn) {
  Answer<TrainReply> first, second;
  model_->Train(TestCall(1, &first));
  TrainCall call = TestCall(1, &second);
  call.write.if_step = 3;
  model_->Train(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(second.Get()->model_step, 6);
}

TEST_F(TrainTest, WhatReadFindsWrongIsTheAnswer) {
  Answer<TrainReply> answer;
  TrainCall call = TestCall(1, &answer);
  call.read = [] { return engine::InvalidField("examples.inputs", "nan at row 3, column 1"); };
  model_->Train(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(answer.status().message(), HasSubstr("row 3, column 1"));
  EXPECT_EQ(model_->Describe().step, 0);
}

TEST_F(TrainTest, CancelledTrainingKeepsItsStepsAndNamesTheLast) {
  Answer<TrainReply> answer;
  TrainCall call = TestCall(100, &answer);
  const std::shared_ptr<engine::Cancellation> cancellation = call.write.cancellation;
  model_->Train(std::move(call));
  for (int i = 0; i < 4; ++i) scheduler_.RunOne();
  cancellation->Cancel();
  scheduler_.RunOne();
  ASSERT_TRUE(answer.ready());
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Reason(answer.status()), "CANCELLED");
  EXPECT_EQ(Metadata(answer.status(), "model_step"), "4");
  EXPECT_EQ(model_->Describe().step, 4);
}

TEST_F(TrainTest, PassedDeadlineEndsACallBeforeItIsRead) {
  Answer<TrainReply> answer;
  TrainCall call = TestCall(1, &answer);
  call.write.cancellation = std::make_shared<engine::Cancellation>(absl::UnixEpoch());
  call.read = []() -> absl::StatusOr<TrainInput> {
    ADD_FAILURE() << "was read";
    return TestRows(1);
  };
  model_->Train(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Metadata(answer.status(), "model_step"), "0");
}

TEST_F(TrainTest, CallCancelledBehindATrainingDoesNotWaitForIt) {
  Answer<TrainReply> running, cancelled, waiting;
  model_->Train(TestCall(1'000'000, &running));
  TrainCall call = TestCall(1, &cancelled);
  const auto cancellation = call.write.cancellation;
  model_->Train(std::move(call));
  model_->Train(TestCall(1, &waiting));
  scheduler_.RunOne();
  cancellation->Cancel();
  scheduler_.RunOne();
  EXPECT_EQ(cancelled.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Metadata(cancelled.status(), "model_step"), "1");
  EXPECT_FALSE(running.ready());
  EXPECT_FALSE(waiting.ready());
  model_->Stop();
  scheduler_.RunAll();
}

TEST_F(TrainTest, DeleteEndsWhatRunsAndWhatWaitsAtTheNextMiniBatch) {
  Answer<TrainReply> running, waiting;
  model_->Train(TestCall(1'000'000, &running));
  model_->Train(TestCall(1, &waiting));
  for (int i = 0; i < 3; ++i) scheduler_.RunOne();
  ASSERT_TRUE(model_->Delete("").ok());
  scheduler_.RunOne();
  for (const auto* answer : {&running, &waiting}) {
    ASSERT_TRUE(answer->ready());
    EXPECT_EQ(answer->status().code(), absl::StatusCode::kAborted);
    EXPECT_EQ(Reason(answer->status()), "MODEL_DELETED");
    EXPECT_EQ(Metadata(answer->status(), "model"), "models/iris");
  }
  EXPECT_TRUE(scheduler_.idle());
}

TEST_F(TrainTest, DeletedModelRefusesAtOnceAndItsSnapshotStays) {
  ASSERT_TRUE(model_->Delete("").ok());
  Answer<TrainReply> answer;
  model_->Train(TestCall(1, &answer));
  EXPECT_TRUE(scheduler_.idle());
  EXPECT_EQ(Reason(answer.status()), "MODEL_DELETED");
  EXPECT_EQ(model_->snapshot()->step(), 0);
  EXPECT_EQ(model_->Delete("").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TrainTest, StoppedModelAnswersUnavailable) {
  Answer<TrainReply> running, late;
  model_->Train(TestCall(1'000'000, &running));
  scheduler_.RunOne();
  model_->Stop();
  model_->Train(TestCall(1, &late));
  scheduler_.RunAll();
  for (const auto* answer : {&running, &late}) {
    EXPECT_EQ(answer->status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Reason(answer->status()), "STOPPING");
  }
}

TEST_F(TrainTest, NormalizationIsFittedAtStepZeroOnly) {
  Answer<TrainReply> first, second;
  for (Answer<TrainReply>* answer : {&first, &second}) {
    TrainCall call = TestCall(1, answer);
    call.options.fit_normalization = true;
    model_->Train(std::move(call));
  }
  scheduler_.RunAll();
  ASSERT_TRUE(first.Get().ok()) << first.status();
  EXPECT_EQ(model_->Describe().normalization->inputs.mean.size(), size_t{kInputs});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(second.status()), "ALREADY_TRAINED");
  EXPECT_EQ(Metadata(second.status(), "model_step"), "3");
}

TEST_F(TrainTest, TrainingsBuffersCountAsMemoryWhileItRuns) {
  const int64_t before = model_->Describe().memory_bytes;
  EXPECT_EQ(before, IdleMemoryBytes(model_->snapshot()->settings(), false));
  Answer<TrainReply> answer;
  TrainCall call = TestCall(2, &answer);
  call.done = [&](absl::StatusOr<TrainReply> reply) {
    EXPECT_EQ(model_->Describe().memory_bytes, before);
    answer.Done()(std::move(reply));
  };
  model_->Train(std::move(call));
  scheduler_.RunOne();
  const engine::ModelState state = model_->snapshot()->state();
  // The current parameters and the next, the optimizer's state, and a workspace.
  const size_t floats = 2 * state.parameters->size() + state.optimizer->size();
  EXPECT_GT(model_->Describe().memory_bytes, before + static_cast<int64_t>(floats * sizeof(float)));
  scheduler_.RunAll();
  EXPECT_TRUE(answer.ready());
}

// What the same training does to a model that was made with this rate.
std::vector<float> TrainedAt(double learning_rate, int64_t epochs) {
  ManualScheduler scheduler;
  const auto model = MakeModel(&scheduler, TestSettings(learning_rate));
  Answer<TrainReply> answer;
  model->Train(TestCall(epochs, &answer));
  scheduler.RunAll();
  return Parameters(*model);
}

TEST_F(TrainTest, NextCallUsesANewLearningRate) {
  ASSERT_TRUE(model_->Update("", {.learning_rate = 0.01}).ok());
  Answer<TrainReply> answer;
  model_->Train(TestCall(2, &answer));
  scheduler_.RunAll();
  EXPECT_EQ(Parameters(*model_), TrainedAt(0.01, 2));
  EXPECT_EQ(model_->snapshot()->settings().network.optimizer.learning_rate, 0.01);
}

TEST_F(TrainTest, RunningCallKeepsItsLearningRate) {
  Answer<TrainReply> answer;
  model_->Train(TestCall(2, &answer));
  scheduler_.RunOne();
  ASSERT_TRUE(model_->Update("", {.learning_rate = 0.01}).ok());
  EXPECT_EQ(model_->snapshot()->step(), 1);
  scheduler_.RunAll();
  EXPECT_EQ(Parameters(*model_), TrainedAt(0.05, 2));
  EXPECT_EQ(model_->snapshot()->settings().network.optimizer.learning_rate, 0.01);
}

}  // namespace
}  // namespace chainrule::server
