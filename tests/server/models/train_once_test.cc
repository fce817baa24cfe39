// Request ids: a training happens exactly once, also when it is interrupted.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

class TrainOnceTest : public ::testing::Test {
 protected:
  // Runs a call to its end.
  absl::StatusOr<TrainReply> Train(TrainCall call, Answer<TrainReply>* answer) {
    model_->Train(std::move(call));
    scheduler_.RunAll();
    return answer->Get();
  }
  // Runs a call for `steps` mini-batches and then cancels it.
  void Interrupt(TrainCall call, Answer<TrainReply>* answer, int64_t steps) {
    const auto cancellation = call.write.cancellation;
    model_->Train(std::move(call));
    for (int64_t i = 0; i < steps; ++i) scheduler_.RunOne();
    cancellation->Cancel();
    scheduler_.RunAll();
    EXPECT_EQ(answer->status().code(), absl::StatusCode::kCancelled);
  }

  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
};

TEST_F(TrainOnceTest, RepeatReturnsTheStoredReplyAndChangesNothing) {
  Answer<TrainReply> first, repeat;
  ASSERT_TRUE(Train(TestCall(2, &first, kId), &first).ok());
  const std::vector<float> trained = Parameters(*model_);
  const absl::StatusOr<TrainReply> reply = Train(TestCall(2, &repeat, kId), &repeat);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(reply->replayed);
  EXPECT_EQ(reply->model_step, first.Get()->model_step);
  EXPECT_EQ(reply->result.loss, first.Get()->result.loss);
  EXPECT_EQ(reply->result.epochs.size(), 2U);
  EXPECT_EQ(Parameters(*model_), trained);
  EXPECT_EQ(model_->Describe().step, 6);
}

TEST_F(TrainOnceTest, RepeatOfAnOldCallAnswersWithTheStepOfThen) {
  Answer<TrainReply> first, other, repeat;
  ASSERT_TRUE(Train(TestCall(1, &first, kId), &first).ok());
  ASSERT_TRUE(Train(TestCall(1, &other), &other).ok());
  EXPECT_EQ(Train(TestCall(1, &repeat, kId), &repeat)->model_step, 3);
  EXPECT_EQ(model_->Describe().step, 6);
}

TEST_F(TrainOnceTest, CallsWithoutAnIdAreAllNew) {
  Answer<TrainReply> first, second;
  ASSERT_TRUE(Train(TestCall(1, &first), &first).ok());
  EXPECT_EQ(Train(TestCall(1, &second), &second)->model_step, 6);
}

TEST_F(TrainOnceTest, ConcurrentRepeatsWaitForTheFirst) {
  Answer<TrainReply> answers[3];
  for (Answer<TrainReply>& answer : answers) model_->Train(TestCall(2, &answer, kId));
  scheduler_.RunAll();
  EXPECT_FALSE(answers[0].Get()->replayed);
  EXPECT_TRUE(answers[1].Get()->replayed);
  EXPECT_TRUE(answers[2].Get()->replayed);
  EXPECT_EQ(model_->Describe().step, 6);
}

TEST_F(TrainOnceTest, SameIdWithOtherRowsIsRefused) {
  Answer<TrainReply> first, other;
  ASSERT_TRUE(Train(TestCall(1, &first, kId), &first).ok());
  TrainCall call = TestCall(1, &other, kId);
  call.read = [] { return TestRows(10, 1); };
  const absl::Status status = Train(std::move(call), &other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(status), "REQUEST_ID_REUSED");
  EXPECT_EQ(model_->Describe().step, 3);
}

TEST_F(TrainOnceTest, SameIdInAnotherRpcIsRefused) {
  Answer<TrainReply> first;
  ASSERT_TRUE(Train(TestCall(1, &first, kId), &first).ok());
  Answer<SetWeightsReply> second;
  SetWeightsCall call;
  call.write.request_id = kId;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [] {
    SetWeightsInput input;
    input.digest = TestRows(10).digest;
    return input;
  };
  call.done = second.Done();
  model_->SetWeights(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(Reason(second.status()), "REQUEST_ID_REUSED");
}

TEST_F(TrainOnceTest, IfStepIsJudgedOnlyWhenTheIdIsFirstSeen) {
  Answer<TrainReply> first, repeat;
  TrainCall call = TestCall(1, &first, kId);
  call.write.if_step = 0;
  ASSERT_TRUE(Train(std::move(call), &first).ok());
  call = TestCall(1, &repeat, kId);
  call.write.if_step = 0;
  EXPECT_TRUE(Train(std::move(call), &repeat)->replayed);
}

TEST_F(TrainOnceTest, RefusedCallIsNotRemembered) {
  Answer<TrainReply> refused, again;
  TrainCall call = TestCall(1, &refused, kId);
  call.write.if_step = 9;
  EXPECT_EQ(Reason(Train(std::move(call), &refused).status()), "STEP_MISMATCH");
  EXPECT_FALSE(Train(TestCall(1, &again, kId), &again)->replayed);
}

TEST_F(TrainOnceTest, InterruptedCallsRepeatEndsInTheBitsOfAnUndisturbedOne) {
  ManualScheduler other_scheduler;
  const std::shared_ptr<Model> undisturbed = MakeModel(&other_scheduler);
  Answer<TrainReply> whole;
  undisturbed->Train(TestCall(4, &whole));
  other_scheduler.RunAll();
  for (int64_t steps = 0; steps < 12; ++steps) {
    model_ = MakeModel(&scheduler_);
    Answer<TrainReply> interrupted, repeat;
    Interrupt(TestCall(4, &interrupted, kId), &interrupted, steps);
    ASSERT_EQ(model_->Describe().step, steps);
    const absl::StatusOr<TrainReply> reply = Train(TestCall(4, &repeat, kId), &repeat);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_FALSE(reply->replayed);
    EXPECT_EQ(reply->model_step, 12);
    EXPECT_EQ(reply->result.steps_taken, 12);
    EXPECT_EQ(reply->result.loss, whole.Get()->result.loss);
    EXPECT_EQ(reply->result.epochs.size(), 4U);
    EXPECT_EQ(Parameters(*model_), Parameters(*undisturbed)) << "interrupted at " << steps;
  }
}

TEST_F(TrainOnceTest, CallInterruptedTwiceGoesOnTwice) {
  Answer<TrainReply> first, second, third, fourth;
  Interrupt(TestCall(4, &first, kId), &first, 2);
  Interrupt(TestCall(4, &second, kId), &second, 5);
  EXPECT_EQ(model_->Describe().step, 7);
  EXPECT_EQ(Train(TestCall(4, &third, kId), &third)->model_step, 12);
  EXPECT_TRUE(Train(TestCall(4, &fourth, kId), &fourth)->replayed);
}

TEST_F(TrainOnceTest, InterruptedCallGoesOnAlsoWhenItsIfStepNoLongerHolds) {
  Answer<TrainReply> first, repeat;
  TrainCall call = TestCall(2, &first, kId);
  call.write.if_step = 0;
  Interrupt(std::move(call), &first, 2);
  call = TestCall(2, &repeat, kId);
  call.write.if_step = 0;
  EXPECT_EQ(Train(std::move(call), &repeat)->model_step, 6);
}

TEST_F(TrainOnceTest, InterruptedCallKeepsTheNormalizationItFitted) {
  Answer<TrainReply> first, repeat;
  TrainCall call = TestCall(2, &first, kId);
  call.options.fit_normalization = true;
  Interrupt(std::move(call), &first, 2);
  const std::vector<float> fitted = model_->Describe().normalization->inputs.mean;
  ASSERT_FALSE(fitted.empty());
  call = TestCall(2, &repeat, kId);
  call.options.fit_normalization = true;
  const absl::StatusOr<TrainReply> reply = Train(std::move(call), &repeat);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(model_->Describe().normalization->inputs.mean, fitted);
}

TEST_F(TrainOnceTest, CallThatDivergedIsFinal) {
  model_ = MakeModel(&scheduler_, TestSettings(1e30));
  Answer<TrainReply> first, repeat;
  const absl::Status status = Train(TestCall(100, &first, kId), &first).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(status), "DIVERGED");
  const int64_t step = model_->Describe().step;
  EXPECT_EQ(Metadata(status, "model_step"), std::to_string(step));
  EXPECT_EQ(Metadata(status, "steps_taken"), std::to_string(step));
  for (const float value : Parameters(*model_)) EXPECT_TRUE(std::isfinite(value));
  EXPECT_EQ(Train(TestCall(100, &repeat, kId), &repeat).status(), status);
  EXPECT_EQ(model_->Describe().step, step);
}

TEST_F(TrainOnceTest, ForgottenTimeOrderedIdIsRefused) {
  Limits limits;
  limits.request_id_count = 1;
  model_ = MakeModel(&scheduler_, TestSettings(), limits);
  constexpr char kOld[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  Answer<TrainReply> first, other, repeat;
  ASSERT_TRUE(Train(TestCall(1, &first, kOld), &first).ok());
  ASSERT_TRUE(Train(TestCall(1, &other, kId), &other).ok());
  EXPECT_EQ(Reason(Train(TestCall(1, &repeat, kOld), &repeat).status()), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(model_->Describe().step, 6);
}

}  // namespace
}  // namespace chainrule::server
