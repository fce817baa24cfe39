// Request ids: a training happens exactly once, also when it is interrupted.
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

// Where models live: in memory, in a store, or in a store whose process ends after each
// call.
enum class Life { kMemory, kKept, kCrashing };

class TrainOnceTest : public ::testing::TestWithParam<Life> {
 protected:
  void Make(std::shared_ptr<const ModelSettings> settings, const Limits& limits = Limits()) {
    if (GetParam() == Life::kMemory) {
      model_ = MakeModel(&scheduler_, std::move(settings), limits);
      return;
    }
    kept_.emplace(limits);
    model_ = kept_->Create("iris", std::move(settings));
  }
  void Make() { Make(TestSettings()); }
  void SetUp() override { Make(); }
  void TearDown() override { model_.reset(); }

  void RunAll() { kept_.has_value() ? kept_->RunAll() : scheduler_.RunAll(); }
  void RunOne() { kept_.has_value() ? kept_->RunOne() : scheduler_.RunOne(); }
  void Crash() {
    if (GetParam() != Life::kCrashing) return;
    model_.reset();
    kept_->Crash();
    model_ = kept_->Find("iris");
    ASSERT_TRUE(model_->Load().ok());
  }
  // Runs a call to its end.
  absl::StatusOr<TrainReply> Train(TrainCall call, Answer<TrainReply>* answer) {
    model_->Train(std::move(call));
    RunAll();
    absl::StatusOr<TrainReply> reply = answer->Get();
    Crash();
    return reply;
  }
  // Runs a call for `steps` mini-batches and then cancels it.
  void Interrupt(TrainCall call, Answer<TrainReply>* answer, int64_t steps) {
    const auto cancellation = call.write.cancellation;
    model_->Train(std::move(call));
    for (int64_t i = 0; i < steps; ++i) RunOne();
    cancellation->Cancel();
    RunAll();
    EXPECT_EQ(answer->status().code(), absl::StatusCode::kCancelled);
    Crash();
  }

  ManualScheduler scheduler_;
  std::optional<KeptModels> kept_;
  std::shared_ptr<Model> model_;
};

std::string NameOf(const ::testing::TestParamInfo<Life>& life) {
  if (life.param == Life::kMemory) return "InMemory";
  return life.param == Life::kKept ? "Kept" : "Crashing";
}

INSTANTIATE_TEST_SUITE_P(Lives, TrainOnceTest,
                         ::testing::Values(Life::kMemory, Life::kKept, Life::kCrashing), NameOf);

TEST_P(TrainOnceTest, RepeatReturnsTheStoredReplyAndChangesNothing) {
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

TEST_P(TrainOnceTest, RepeatOfAnOldCallAnswersWithTheStepOfThen) {
  Answer<TrainReply> first, other, repeat;
  ASSERT_TRUE(Train(TestCall(1, &first, kId), &first).ok());
  ASSERT_TRUE(Train(TestCall(1, &other), &other).ok());
  EXPECT_EQ(Train(TestCall(1, &repeat, kId), &repeat)->model_step, 3);
  EXPECT_EQ(model_->Describe().step, 6);
}

TEST_P(TrainOnceTest, CallsWithoutAnIdAreAllNew) {
  Answer<TrainReply> first, second;
  ASSERT_TRUE(Train(TestCall(1, &first), &first).ok());
  EXPECT_EQ(Train(TestCall(1, &second), &second)->model_step, 6);
}

TEST_P(TrainOnceTest, ConcurrentRepeatsWaitForTheFirst) {
  Answer<TrainReply> answers[3];
  for (Answer<TrainReply>& answer : answers) model_->Train(TestCall(2, &answer, kId));
  RunAll();
  EXPECT_FALSE(answers[0].Get()->replayed);
  EXPECT_TRUE(answers[1].Get()->replayed);
  EXPECT_TRUE(answers[2].Get()->replayed);
  EXPECT_EQ(model_->Describe().step, 6);
}

TEST_P(TrainOnceTest, SameIdWithOtherRowsIsRefused) {
  Answer<TrainReply> first, other;
  ASSERT_TRUE(Train(TestCall(1, &first, kId), &first).ok());
  TrainCall call = TestCall(1, &other, kId);
  call.read = [] { return TestRows(10, 1); };
  const absl::Status status = Train(std::move(call), &other).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(status), "REQUEST_ID_REUSED");
  EXPECT_EQ(model_->Describe().step, 3);
}

TEST_P(TrainOnceTest, SameIdInAnotherRpcIsRefused) {
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
  RunAll();
  EXPECT_EQ(Reason(second.status()), "REQUEST_ID_REUSED");
}

TEST_P(TrainOnceTest, IfStepIsJudgedOnlyWhenTheIdIsFirstSeen) {
  Answer<TrainReply> first, repeat;
  TrainCall call = TestCall(1, &first, kId);
  call.write.if_step = 0;
  ASSERT_TRUE(Train(std::move(call), &first).ok());
  call = TestCall(1, &repeat, kId);
  call.write.if_step = 0;
  EXPECT_TRUE(Train(std::move(call), &repeat)->replayed);
}

TEST_P(TrainOnceTest, RefusedCallIsNotRemembered) {
  Answer<TrainReply> refused, again;
  TrainCall call = TestCall(1, &refused, kId);
  call.write.if_step = 9;
  EXPECT_EQ(Reason(Train(std::move(call), &refused).status()), "STEP_MISMATCH");
  EXPECT_FALSE(Train(TestCall(1, &again, kId), &again)->replayed);
}

TEST_P(TrainOnceTest, InterruptedCallsRepeatEndsInTheBitsOfAnUndisturbedOne) {
  ManualScheduler other_scheduler;
  const std::shared_ptr<Model> undisturbed = MakeModel(&other_scheduler);
  Answer<TrainReply> whole;
  undisturbed->Train(TestCall(4, &whole));
  other_scheduler.RunAll();
  for (int64_t steps = 0; steps < 12; ++steps) {
    Make();
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

TEST_P(TrainOnceTest, CallInterruptedTwiceGoesOnTwice) {
  Answer<TrainReply> first, second, third, fourth;
  Interrupt(TestCall(4, &first, kId), &first, 2);
  Interrupt(TestCall(4, &second, kId), &second, 5);
  EXPECT_EQ(model_->Describe().step, 7);
  EXPECT_EQ(Train(TestCall(4, &third, kId), &third)->model_step, 12);
  EXPECT_TRUE(Train(TestCall(4, &fourth, kId), &fourth)->replayed);
}

TEST_P(TrainOnceTest, InterruptedCallGoesOnAlsoWhenItsIfStepNoLongerHolds) {
  Answer<TrainReply> first, repeat;
  TrainCall call = TestCall(2, &first, kId);
  call.write.if_step = 0;
  Interrupt(std::move(call), &first, 2);
  call = TestCall(2, &repeat, kId);
  call.write.if_step = 0;
  EXPECT_EQ(Train(std::move(call), &repeat)->model_step, 6);
}

TEST_P(TrainOnceTest, InterruptedCallKeepsTheNormalizationItFitted) {
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

TEST_P(TrainOnceTest, CallThatDivergedIsFinal) {
  Make(TestSettings(1e30));
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

TEST_P(TrainOnceTest, ForgottenTimeOrderedIdIsRefused) {
  Limits limits;
  limits.request_id_count = 1;
  Make(TestSettings(), limits);
  constexpr char kOld[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
  Answer<TrainReply> first, other, repeat;
  ASSERT_TRUE(Train(TestCall(1, &first, kOld), &first).ok());
  ASSERT_TRUE(Train(TestCall(1, &other, kId), &other).ok());
  EXPECT_EQ(Reason(Train(TestCall(1, &repeat, kOld), &repeat).status()), "REQUEST_ID_EXPIRED");
  EXPECT_EQ(model_->Describe().step, 6);
}

// A call with early stopping that was interrupted after an epoch keeps its best weights.
TEST_P(TrainOnceTest, InterruptedCallWhoseBestWeightsAreForgottenIsRefused) {
  const std::vector<std::string> ids = {"919108f7-52d1-4320-9bac-f847db414801",
                                        "919108f7-52d1-4320-9bac-f847db414802",
                                        "919108f7-52d1-4320-9bac-f847db414803"};
  const auto call = [&](Answer<TrainReply>* answer, const std::string& id) {
    TrainCall made = TestCall(4, answer, id.c_str());
    made.options.early_stopping = engine::EarlyStopping{.patience = 9, .restore_best = true};
    return made;
  };
  std::vector<Answer<TrainReply>> answers(3);
  for (size_t i = 0; i < 3; ++i) Interrupt(call(&answers[i], ids[i]), &answers[i], 4);
  const int64_t step = model_->Describe().step;
  const std::vector<float> parameters = Parameters(*model_);
  for (int repeats = 0; repeats < 2; ++repeats) {
    Answer<TrainReply> refused;
    const absl::Status status = Train(call(&refused, ids[0]), &refused).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(Reason(status), "REQUEST_ID_EXPIRED");
    EXPECT_EQ(Metadata(status, "request_id"), ids[0]);
    EXPECT_NE(status.message().find("best weights"), absl::string_view::npos) << status;
  }
  EXPECT_EQ(model_->Describe().step, step);
  EXPECT_EQ(Parameters(*model_), parameters);
  for (size_t i = 1; i < 3; ++i) {
    Answer<TrainReply> repeat;
    const absl::StatusOr<TrainReply> reply = Train(call(&repeat, ids[i]), &repeat);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->result.epochs.size(), 4U);
  }
}

}  // namespace
}  // namespace chainrule::server
