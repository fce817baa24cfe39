// SetWeights: whole tensors, as one step.
#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

class SetWeightsTest : public ::testing::Test {
 protected:
  // New biases for the last layer.
  SetWeightsCall Call(Answer<SetWeightsReply>* answer) {
    SetWeightsCall call;
    call.write.cancellation = std::make_shared<engine::Cancellation>();
    call.read = [this] {
      SetWeightsInput input;
      input.layers.push_back({1, {}, {biases_.data(), 1, kOutputs}});
      input.digest = {1, 1};
      return input;
    };
    call.done = answer->Done();
    return call;
  }
  void Train(int64_t epochs) {
    Answer<TrainReply> answer;
    model_->Train(TestCall(epochs, &answer));
    scheduler_.RunAll();
  }

  const std::vector<float> biases_ = {0.25F, -4.0F};
  ManualScheduler scheduler_;
  std::shared_ptr<Model> model_ = MakeModel(&scheduler_);
};

TEST_F(SetWeightsTest, PutsTensorsInAsOneStepAndLeavesTheOthers) {
  const auto before = model_->snapshot();
  Answer<SetWeightsReply> answer;
  model_->SetWeights(Call(&answer));
  scheduler_.RunAll();
  ASSERT_TRUE(answer.Get().ok()) << answer.status();
  EXPECT_EQ(answer.Get()->model_step, 1);
  const auto after = model_->snapshot();
  EXPECT_EQ(after->step(), 1);
  const engine::Network& network = after->network();
  const auto bias = network.bias(after->state().parameters->span(), 1);
  EXPECT_EQ(std::vector<float>(bias.begin(), bias.end()), biases_);
  std::vector<float> expected = Parameters(*before);
  std::ranges::copy(biases_, network.bias(std::span<float>(expected), 1).begin());
  EXPECT_EQ(Parameters(*after), expected);
}

TEST_F(SetWeightsTest, OptimizerStateStaysUnlessItIsReset) {
  Train(1);
  const auto trained = model_->snapshot()->state();
  Answer<SetWeightsReply> kept, reset;
  model_->SetWeights(Call(&kept));
  scheduler_.RunAll();
  EXPECT_EQ(model_->snapshot()->state().optimizer, trained.optimizer);
  EXPECT_EQ(model_->snapshot()->state().optimizer_steps, trained.optimizer_steps);
  SetWeightsCall call = Call(&reset);
  call.reset_optimizer = true;
  model_->SetWeights(std::move(call));
  scheduler_.RunAll();
  const engine::ModelState state = model_->snapshot()->state();
  EXPECT_EQ(state.optimizer_steps, 0);
  EXPECT_EQ(state.optimizer->size(), trained.optimizer->size());
  for (const float value : state.optimizer->span()) EXPECT_EQ(value, 0.0F);
}

TEST_F(SetWeightsTest, RepeatReturnsTheStoredReply) {
  Answer<SetWeightsReply> first, repeat;
  for (Answer<SetWeightsReply>* answer : {&first, &repeat}) {
    SetWeightsCall call = Call(answer);
    call.write.request_id = kId;
    call.write.if_step = 0;
    model_->SetWeights(std::move(call));
  }
  scheduler_.RunAll();
  EXPECT_FALSE(first.Get()->replayed);
  EXPECT_TRUE(repeat.Get()->replayed);
  EXPECT_EQ(repeat.Get()->model_step, 1);
  EXPECT_EQ(model_->Describe().step, 1);
}

TEST_F(SetWeightsTest, WaitsItsTurnBehindTraining) {
  Answer<TrainReply> trained;
  Answer<SetWeightsReply> answer;
  model_->Train(TestCall(2, &trained));
  model_->SetWeights(Call(&answer));
  scheduler_.RunOne();
  EXPECT_FALSE(answer.ready());
  scheduler_.RunAll();
  EXPECT_EQ(answer.Get()->model_step, 7);
}

TEST_F(SetWeightsTest, StepOtherThanIfStepIsRefused) {
  Answer<SetWeightsReply> answer;
  SetWeightsCall call = Call(&answer);
  call.write.if_step = 1;
  model_->SetWeights(std::move(call));
  scheduler_.RunAll();
  EXPECT_EQ(Reason(answer.status()), "STEP_MISMATCH");
  EXPECT_EQ(model_->Describe().step, 0);
}

TEST_F(SetWeightsTest, DeletedModelRefuses) {
  ASSERT_TRUE(model_->Delete("").ok());
  Answer<SetWeightsReply> answer;
  model_->SetWeights(Call(&answer));
  EXPECT_EQ(Reason(answer.status()), "MODEL_DELETED");
}

}  // namespace
}  // namespace chainrule::server
