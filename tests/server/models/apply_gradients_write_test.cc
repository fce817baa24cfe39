// ApplyGradients: one step on the mean of gradients, at its turn, once for each id.
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/record.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

using ::testing::HasSubstr;

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

// Gradients of all layers, `value` everywhere.
struct Gradient {
  explicit Gradient(float each)
      : floats(std::make_shared<std::vector<float>>(16, each)), value(each) {}

  ApplyGradientsInput Input() const {
    const float* data = floats->data();
    ApplyGradientsInput input;
    input.contributions.push_back(
        {{{0, {data, 5, kInputs}, {data, 1, 5}}, {1, {data, kOutputs, 5}, {data, 1, kOutputs}}},
         1.0});
    input.base_steps = {base_step};
    input.digest = {static_cast<uint64_t>(value * 1000), 0};
    input.owner = floats;
    return input;
  }

  std::shared_ptr<std::vector<float>> floats;
  float value;
  std::optional<int64_t> base_step;
};

ApplyGradientsCall CallOf(const Gradient& gradient, Answer<SetWeightsReply>* answer,
                          const std::string& request_id = "") {
  ApplyGradientsCall call;
  call.write.request_id = request_id;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [gradient] { return gradient.Input(); };
  call.done = answer->Done();
  return call;
}

class ApplyGradientsTest : public ::testing::Test {
 protected:
  absl::StatusOr<SetWeightsReply> Apply(ApplyGradientsCall call, Answer<SetWeightsReply>* answer) {
    model_->ApplyGradients(std::move(call));
    scheduler_.RunAll();
    return answer->Get();
  }
  absl::StatusOr<SetWeightsReply> Apply(const Gradient& gradient,
                                        const std::string& request_id = "") {
    Answer<SetWeightsReply> answer;
    return Apply(CallOf(gradient, &answer, request_id), &answer);
  }
  void Step() {
    Answer<TrainReply> answer;
    model_->Train(OneStep(&answer));
    scheduler_.RunAll();
    ASSERT_TRUE(answer.Get().ok());
  }

  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
};

// Momentum 0.9 at a rate of 0.05, by hand.
TEST_F(ApplyGradientsTest, IsAStepOfTheModelsOptimizer) {
  const std::vector<float> before = Parameters(*model_);
  ASSERT_TRUE(Apply(Gradient(1)).ok());
  const auto reply = Apply(Gradient(2));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->model_step, 2);
  EXPECT_FALSE(reply->replayed);
  const engine::Network& network = model_->snapshot()->network();
  const std::vector<float> after = Parameters(*model_);
  EXPECT_NEAR(
      network.bias(std::span<const float>(after), 1)[1],
      network.bias(std::span<const float>(before), 1)[1] - 0.05F * 1 - 0.05F * (0.9F * 1 + 2),
      1e-6);
  EXPECT_EQ(model_->snapshot()->state().optimizer_steps, 2);
}

TEST_F(ApplyGradientsTest, WaitsItsTurnBehindTraining) {
  Answer<TrainReply> trained;
  Answer<SetWeightsReply> applied;
  model_->Train(TestCall(2, &trained));
  model_->ApplyGradients(CallOf(Gradient(1), &applied));
  scheduler_.RunOne();
  EXPECT_FALSE(applied.ready());
  scheduler_.RunAll();
  EXPECT_EQ(applied.Get()->model_step, 7);
}

TEST_F(ApplyGradientsTest, RepeatReturnsTheStoredReply) {
  Answer<SetWeightsReply> first, repeat;
  for (Answer<SetWeightsReply>* answer : {&first, &repeat}) {  // concurrent ones
    ApplyGradientsCall call = CallOf(Gradient(1), answer, kId);
    call.write.if_step = 0;
    model_->ApplyGradients(std::move(call));
  }
  scheduler_.RunAll();
  EXPECT_FALSE(first.Get()->replayed);
  EXPECT_TRUE(repeat.Get()->replayed);
  EXPECT_EQ(repeat.Get()->model_step, 1);
  EXPECT_EQ(model_->Describe().step, 1);
}

TEST_F(ApplyGradientsTest, IdOfOtherContentIsRefused) {
  ASSERT_TRUE(Apply(Gradient(1), kId).ok());
  EXPECT_EQ(Reason(Apply(Gradient(2), kId).status()), "REQUEST_ID_REUSED");
  EXPECT_EQ(model_->Describe().step, 1);
}

TEST_F(ApplyGradientsTest, IdOfAnotherKindOfCallIsRefused) {
  Answer<TrainReply> trained;
  TrainCall call = OneStep(&trained, kId);
  call.read = [] {
    TrainInput input = TestRows(10);
    input.digest = Gradient(1).Input().digest;
    return input;
  };
  model_->Train(std::move(call));
  scheduler_.RunAll();
  ASSERT_TRUE(trained.Get().ok());
  EXPECT_EQ(Reason(Apply(Gradient(1), kId).status()), "REQUEST_ID_REUSED");
}

TEST_F(ApplyGradientsTest, StepOtherThanIfStepIsRefused) {
  Answer<SetWeightsReply> answer;
  ApplyGradientsCall call = CallOf(Gradient(1), &answer);
  call.write.if_step = 1;
  EXPECT_EQ(Reason(Apply(std::move(call), &answer).status()), "STEP_MISMATCH");
  EXPECT_EQ(model_->Describe().step, 0);
}

// --- Staleness ----------------------------------------------------------------

TEST_F(ApplyGradientsTest, BaseMayBeAsOldAsMaxStalenessSays) {
  for (int i = 0; i < 3; ++i) Step();
  for (const auto& [max, base, taken] : {std::tuple(std::optional<int64_t>(2), 1, true),
                                         std::tuple(std::optional<int64_t>(2), 1, false),
                                         std::tuple(std::optional<int64_t>(0), 4, true),
                                         std::tuple(std::optional<int64_t>(), 0, true)}) {
    Gradient gradient(1);
    gradient.base_step = base;
    Answer<SetWeightsReply> answer;
    ApplyGradientsCall call = CallOf(gradient, &answer);
    call.max_staleness = max;
    EXPECT_EQ(Apply(std::move(call), &answer).ok(), taken) << answer.status();
  }
}

TEST_F(ApplyGradientsTest, StaleGradientSaysHowOldItIs) {
  Step();
  Step();
  Gradient gradient(1);
  gradient.base_step = 0;
  Answer<SetWeightsReply> answer;
  ApplyGradientsCall call = CallOf(gradient, &answer);
  call.max_staleness = 1;
  const absl::Status status = Apply(std::move(call), &answer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(Reason(status), "STALE_GRADIENTS");
  EXPECT_EQ(Metadata(status, "model_step"), "2");
  EXPECT_EQ(Metadata(status, "base_step"), "0");
  EXPECT_EQ(Metadata(status, "max_staleness"), "1");
  EXPECT_THAT(status.message(), HasSubstr("contributions[0].base_step: 0; model 'models/iris'"));
  EXPECT_EQ(model_->Describe().step, 2);
}

TEST_F(ApplyGradientsTest, StalenessIsJudgedWhenItsTurnHasCome) {
  Gradient gradient(1);
  gradient.base_step = 0;
  Answer<TrainReply> before;
  Answer<SetWeightsReply> answer;
  model_->Train(OneStep(&before));
  ApplyGradientsCall call = CallOf(gradient, &answer);
  call.max_staleness = 0;
  model_->ApplyGradients(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(Reason(answer.status()), "STALE_GRADIENTS");
  EXPECT_EQ(Metadata(answer.status(), "model_step"), "1");
}

TEST_F(ApplyGradientsTest, BaseOfTheFutureIsRefused) {
  Step();
  Gradient gradient(1);
  gradient.base_step = 2;
  const absl::Status status = Apply(gradient).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("contributions[0].base_step: 2; must be 0 to 1"));
  EXPECT_EQ(model_->Describe().step, 1);
}

// The id first: what was taken is never stale afterwards.
TEST_F(ApplyGradientsTest, RepeatOfWhatIsStaleByNowIsReplayed) {
  for (int i = 0; i < 2; ++i) {
    Gradient gradient(1);
    gradient.base_step = 0;
    Answer<SetWeightsReply> answer;
    ApplyGradientsCall call = CallOf(gradient, &answer, kId);
    call.max_staleness = 0;
    const auto reply = Apply(std::move(call), &answer);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->replayed, i == 1);
    Step();
  }
}

TEST_F(ApplyGradientsTest, RefusalIsNotRemembered) {
  Step();
  Gradient gradient(1);
  gradient.base_step = 2;
  EXPECT_EQ(Reason(Apply(gradient, kId).status()), "INVALID_FIELD");
  Step();
  EXPECT_TRUE(Apply(gradient, kId).ok());
}

// --- Divergence ---------------------------------------------------------------

TEST_F(ApplyGradientsTest, DivergenceIsFinalAndChangesNothing) {
  Step();
  // The momentum buffer of two such gradients is beyond float32.
  const Gradient huge(std::numeric_limits<float>::max());
  absl::Status status;
  int64_t step = 1;
  for (int i = 0; i < 3 && status.ok(); ++i) {
    status = Apply(huge).status();
    step += status.ok() ? 1 : 0;
  }
  ASSERT_EQ(Reason(status), "DIVERGED") << status;
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Metadata(status, "model_step"), std::to_string(step));
  const absl::Status first = Apply(huge, kId).status();
  EXPECT_EQ(Apply(huge, kId).status(), first);
  EXPECT_EQ(model_->Describe().step, step);
}

TEST_F(ApplyGradientsTest, CancelledOneIsNotTaken) {
  Answer<SetWeightsReply> answer;
  ApplyGradientsCall call = CallOf(Gradient(1), &answer);
  call.write.cancellation->Cancel();
  EXPECT_EQ(Apply(std::move(call), &answer).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(model_->Describe().step, 0);
}

TEST_F(ApplyGradientsTest, DeletedModelRefuses) {
  ASSERT_TRUE(model_->Delete("").ok());
  EXPECT_EQ(Reason(Apply(Gradient(1)).status()), "MODEL_DELETED");
}

// --- In a store ---------------------------------------------------------------

class KeptGradientsTest : public ::testing::Test {
 protected:
  absl::StatusOr<SetWeightsReply> Apply(const Gradient& gradient,
                                        const std::string& request_id = "") {
    return Apply([gradient] { return gradient.Input(); }, request_id);
  }
  absl::StatusOr<SetWeightsReply> Apply(std::function<ApplyGradientsInput()> read,
                                        const std::string& request_id = "") {
    Answer<SetWeightsReply> answer;
    ApplyGradientsCall call = CallOf(Gradient(1), &answer, request_id);
    call.read = std::move(read);
    models_.Find("iris")->ApplyGradients(std::move(call));
    models_.RunAll();
    return answer.Get();
  }
  // What the last record of the log holds.
  RecordBody LastBody() {
    RecordBody body;
    const engine::Network network(TestSettings()->network);
    const auto visit = [&](const LogRecord& logged) {
      const auto record = DecodeRecord(network, logged.payload);
      EXPECT_TRUE(record.ok()) << record.status();
      body = record->body;
      return absl::OkStatus();
    };
    const auto log = models_.store().OpenLog(visit, nullptr);
    return body;
  }

  KeptModels models_;
};

TEST_F(KeptGradientsTest, StepsAreThereAfterACrashToTheBitAndGoOn) {
  models_.Create("iris");
  KeptModels undisturbed;
  undisturbed.Create("iris");
  const auto both = [&](float value) {
    ASSERT_TRUE(Apply(Gradient(value)).ok());
    Answer<SetWeightsReply> answer;
    undisturbed.Find("iris")->ApplyGradients(CallOf(Gradient(value), &answer));
    undisturbed.RunAll();
    ASSERT_TRUE(answer.Get().ok());
    ASSERT_TRUE(models_.Step("iris").ok());
    ASSERT_TRUE(undisturbed.Step("iris").ok());
  };
  for (const float value : {0.5F, -0.25F, 3.0F}) both(value);
  EXPECT_TRUE(std::holds_alternative<TrainBody>(LastBody()));
  models_.Crash();
  EXPECT_EQ(models_.Find("iris")->Describe().step, 6);
  EXPECT_EQ(models_.ParametersOf("iris"), undisturbed.ParametersOf("iris"));
  both(1);
  EXPECT_EQ(models_.ParametersOf("iris"), undisturbed.ParametersOf("iris"));
}

TEST_F(KeptGradientsTest, RepeatAfterACrashIsReplayed) {
  models_.Create("iris");
  EXPECT_EQ(Apply(Gradient(1), kId)->durable_step, 1);
  models_.Crash();
  const auto repeat = Apply(Gradient(1), kId);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_TRUE(repeat->replayed);
  EXPECT_EQ(repeat->model_step, 1);
  EXPECT_EQ(models_.Find("iris")->Describe().step, 1);
}

TEST_F(KeptGradientsTest, WhatTheLogDidNotTakeIsNotThereAfterACrash) {
  models_.Create("iris");
  models_.store().HoldLog();
  Answer<SetWeightsReply> lost;
  models_.Find("iris")->ApplyGradients(CallOf(Gradient(1), &lost, kId));
  models_.RunAll();
  EXPECT_FALSE(lost.ready());
  EXPECT_EQ(models_.Find("iris")->snapshot()->step(), 0) << "nobody sees it before the log";
  models_.Crash();
  EXPECT_EQ(Reason(lost.status()), "STORAGE_FAILED");
  models_.store().ReleaseLog();
  const auto repeat = Apply(Gradient(1), kId);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_FALSE(repeat->replayed);
  EXPECT_EQ(repeat->model_step, 1);
}

TEST_F(KeptGradientsTest, DivergenceIsRememberedAcrossACrash) {
  auto settings = TestSettings(1e30);
  settings->network.optimizer.momentum = 0;
  models_.Create("iris", settings);
  const Gradient huge(1e30F);
  const absl::Status first = Apply(huge, kId).status();
  EXPECT_EQ(Reason(first), "DIVERGED");
  models_.Crash();
  EXPECT_EQ(Apply(huge, kId).status(), first);
}

// The network has 32 parameters, and as many numbers of momentum.
TEST_F(KeptGradientsTest, RecordHoldsTheMeanOrTheStateWhicheverIsSmaller) {
  models_.Create("iris");
  const Gradient gradient(1);
  ASSERT_TRUE(Apply([&] {
                ApplyGradientsInput input = gradient.Input();
                for (int i = 0; i < 20; ++i) {
                  input.contributions.push_back(input.contributions[0]);
                  input.base_steps.push_back(std::nullopt);
                }
                return input;
              }).ok());
  const RecordBody all = LastBody();
  ASSERT_TRUE(std::holds_alternative<GradientBody>(all));
  EXPECT_EQ(std::get<GradientBody>(all).layers.size(), 2U);
  models_.Crash();
  ASSERT_TRUE(Apply([&] {
                ApplyGradientsInput input = gradient.Input();
                input.contributions[0].layers = {{1, {}, input.contributions[0].layers[1].biases}};
                return input;
              }).ok());
  const RecordBody some = LastBody();
  ASSERT_TRUE(std::holds_alternative<GradientBody>(some));
  ASSERT_EQ(std::get<GradientBody>(some).layers.size(), 1U);
  EXPECT_EQ(std::get<GradientBody>(some).layers[0].index, 1);
  EXPECT_EQ(std::get<GradientBody>(some).layers[0].weights.data, nullptr);
}

}  // namespace
}  // namespace chainrule::server
