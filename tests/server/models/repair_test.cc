// A model whose numbers are lost: it says so, others do not notice, and its owner can
// delete it or give it other numbers.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

using ::testing::HasSubstr;

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";
constexpr char kOther[] = "a19108f7-52d1-4320-9bac-f847db4148a8";

class RepairTest : public ::testing::Test {
 protected:
  // "iris" is at step 2, of which its damaged checkpoint has one.
  RepairTest() {
    const auto model = models_.Create("iris");
    models_.Create("other");
    EXPECT_TRUE(models_.Step("iris").ok());
    EXPECT_TRUE(model->WriteCheckpoint().ok());
    state_ = model->snapshot()->state();
    EXPECT_TRUE(models_.Step("iris").ok());
    for (const std::string& name : models_.store().weights()) {
      if (name.find(model->uid()) == 0) models_.store().DamageWeights(name);
    }
    models_.Crash();
    EXPECT_EQ(models_.Find("iris")->Describe().condition, ModelCondition::kFailed);
  }

  ReplaceCall Replacing(Answer<SetWeightsReply>* answer, const std::string& request_id = "") {
    ReplaceCall call;
    call.write.request_id = request_id;
    call.write.cancellation = std::make_shared<engine::Cancellation>();
    call.read = [this] { return ReplaceInput{state_, true, {1, 2}}; };
    call.done = answer->Done();
    return call;
  }
  absl::StatusOr<SetWeightsReply> Replace(const std::string& request_id = "") {
    Answer<SetWeightsReply> answer;
    models_.Find("iris")->Replace(Replacing(&answer, request_id));
    models_.RunAll();
    return answer.Get();
  }
  std::vector<float> Expected() const {
    const auto block = state_.parameters->span();
    return {block.begin(), block.end()};
  }

  KeptModels models_;
  engine::ModelState state_;
};

TEST_F(RepairTest, EveryCallSaysWhatIsDamagedAndWhatCanBeDone) {
  const absl::Status loaded = models_.Find("iris")->Load().status();
  EXPECT_EQ(loaded.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(loaded), "MODEL_DAMAGED");
  EXPECT_EQ(Metadata(loaded, "model"), "models/iris");
  EXPECT_THAT(loaded.message(), HasSubstr("restore a version"));
  EXPECT_EQ(models_.Step("iris").status(), loaded);
  EXPECT_EQ(models_.Find("iris")->Publish({}, {}).status(), loaded);
  EXPECT_EQ(models_.Find("iris")->Describe().step, 2) << "the log still tells where it was";
  EXPECT_TRUE(models_.Step("other").ok());
}

TEST_F(RepairTest, OtherNumbersMakeItWholeAndAreKept) {
  const auto replaced = Replace(kId);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_EQ(replaced->model_step, 3) << "the step does not go back";
  EXPECT_EQ(replaced->durable_step, 3);
  EXPECT_EQ(models_.Find("iris")->Describe().condition, ModelCondition::kReady);
  EXPECT_EQ(models_.ParametersOf("iris"), Expected());
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("iris"), Expected());
  EXPECT_TRUE(Replace(kId)->replayed);
  EXPECT_EQ(models_.Step("iris")->model_step, 4);
  const std::vector<float> trained = models_.ParametersOf("iris");
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("iris"), trained);
}

TEST_F(RepairTest, WhatWaitsBehindTheReplacementFindsItWhole) {
  const auto model = models_.Find("iris");
  Answer<TrainReply> before, behind;
  Answer<SetWeightsReply> replaced;
  model->Train(OneStep(&before));
  model->Replace(Replacing(&replaced));
  model->Train(OneStep(&behind));
  models_.RunAll();
  EXPECT_EQ(Reason(before.status()), "MODEL_DAMAGED");
  EXPECT_TRUE(replaced.Get().ok());
  EXPECT_EQ(behind.Get()->model_step, 4);
}

TEST_F(RepairTest, PartOfTheNumbersIsNotEnough) {
  const std::vector<float> bias = {1, 2};
  Answer<SetWeightsReply> answer;
  SetWeightsCall call;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [&bias] {
    SetWeightsInput input;
    input.layers.push_back({1, {}, {bias.data(), 1, kOutputs}});
    return input;
  };
  call.done = answer.Done();
  models_.Find("iris")->SetWeights(std::move(call));
  models_.RunAll();
  EXPECT_EQ(Reason(answer.status()), "MODEL_DAMAGED");
}

TEST_F(RepairTest, ConditionsAndErrorsOfTheReplacementHold) {
  Answer<SetWeightsReply> wrong_step, not_read;
  ReplaceCall call = Replacing(&wrong_step);
  call.write.if_step = 1;
  models_.Find("iris")->Replace(std::move(call));
  call = Replacing(&not_read);
  call.read = [] { return ReplaceInput{absl::DataLossError("the version, too")}; };
  models_.Find("iris")->Replace(std::move(call));
  models_.RunAll();
  EXPECT_EQ(Metadata(wrong_step.status(), "model_step"), "2");
  EXPECT_THAT(not_read.status().message(), HasSubstr("the version, too"));
  EXPECT_EQ(models_.Find("iris")->Describe().condition, ModelCondition::kFailed);
}

TEST_F(RepairTest, ReplacementIsRefusedWhileTheDiskFailsAndCanBeRepeated) {
  models_.store().FailWrites("no space");
  EXPECT_EQ(Reason(Replace(kId).status()), "STORAGE_FAILED");
  EXPECT_EQ(models_.Find("iris")->Describe().condition, ModelCondition::kFailed);
  models_.store().Repair();
  const auto replaced = Replace(kId);
  ASSERT_TRUE(replaced.ok()) << replaced.status();
  EXPECT_FALSE(replaced->replayed);
}

// What they were answered is lost, so they might be applied a second time.
TEST_F(RepairTest, TimeOrderedIdsFromBeforeAreRefused) {
  ASSERT_TRUE(Replace(kOther).ok());
  EXPECT_EQ(Reason(models_.Step("iris", "0190163d-8694-739b-aea5-966c26f8ad91").status()),
            "REQUEST_ID_EXPIRED");
  EXPECT_TRUE(models_.Step("iris", kId).ok());
}

TEST_F(RepairTest, ItCanBeDeletedAndItsNameGivenAnew) {
  ASSERT_TRUE(models_.registry().Delete("iris", "", {}).ok());
  models_.Create("iris");
  EXPECT_EQ(models_.Step("iris")->model_step, 1);
  models_.Crash();
  EXPECT_EQ(models_.Find("iris")->Describe().step, 1);
  EXPECT_EQ(models_.Find("iris")->Describe().condition, ModelCondition::kReady);
}

TEST_F(RepairTest, HealthFollows) {
  std::vector<std::string> heard;
  models_.registry().SetListener([&](const std::string& id, ModelHealth health) {
    heard.push_back(id + (health == ModelHealth::kServing ? " serves" : " does not"));
  });
  EXPECT_TRUE(Replace().ok());
  ASSERT_FALSE(heard.empty());
  EXPECT_EQ(heard.back(), "iris serves");
}

}  // namespace
}  // namespace chainrule::server
