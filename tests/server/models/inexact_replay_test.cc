// Records that another kind of processor computed: they are replayed, to other bits, and
// that is told and kept.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

TEST(InexactReplayTest, ReplayOfAnotherProcessorsRecordsIsToldAndInACheckpointAtOnce) {
  KeptModels models(Limits(), {.numerics = "one"});
  models.Create("iris");
  ASSERT_TRUE(models.Step("iris").ok());
  ASSERT_TRUE(models.Step("iris").ok());
  models.set_numerics("two");
  models.Crash();
  ASSERT_EQ(models.inexact().size(), 1U);
  EXPECT_EQ(models.inexact()[0].model_id, "iris");
  EXPECT_EQ(models.inexact()[0].step, 2);
  EXPECT_EQ(models.inexact()[0].computed_with, "one");
  EXPECT_EQ(models.inexact()[0].replayed_with, "two");
  EXPECT_EQ(models.Find("iris")->Describe().step, 2);
  EXPECT_EQ(models.Find("iris")->first_uncovered(), std::nullopt);
  // So nobody will come to yet other bits.
  const std::vector<float> before = models.ParametersOf("iris");
  models.set_numerics("three");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("iris"), before);
  EXPECT_EQ(models.inexact().size(), 1U);
}

TEST(InexactReplayTest, InexactReplayIsServedWhileItsCheckpointCannotBeWritten) {
  KeptModels models(Limits(), {.numerics = "one"});
  models.Create("iris");
  ASSERT_TRUE(models.Step("iris").ok());
  models.set_numerics("two");
  models.store().FailWrites("no space");
  models.Crash(/*replayed=*/false);
  EXPECT_FALSE(models.ParametersOf("iris").empty());
  EXPECT_EQ(models.Find("iris")->Describe().step, 1);
  EXPECT_TRUE(models.Find("iris")->first_uncovered().has_value());
  models.store().Repair();
  models.registry().WaitForRecovery();
  EXPECT_EQ(models.Find("iris")->first_uncovered(), std::nullopt);
  EXPECT_EQ(models.inexact().size(), 1U);
}

// Another processor's last bits might end it after another epoch: its numbers are kept.
TEST(InexactReplayTest, TrainingThatMayStopEarlyIsNotReplayed) {
  KeptModels models(Limits(), {.numerics = "one"});
  models.Create("iris");
  Answer<TrainReply> trained;
  TrainCall call = TestCall(50, &trained);
  call.options.early_stopping = engine::EarlyStopping{.patience = 1, .min_delta = 0.001};
  models.Find("iris")->Train(std::move(call));
  models.RunAll();
  ASSERT_TRUE(trained.Get().ok());
  const std::vector<float> before = models.ParametersOf("iris");
  models.set_numerics("two");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("iris"), before);
  EXPECT_EQ(models.Find("iris")->Describe().step, trained.Get()->model_step);
  EXPECT_TRUE(models.inexact().empty());
}

// What does not depend on arithmetic comes back to the bit on any processor.
TEST(InexactReplayTest, RecordsThatAreNotComputedAreExactEverywhere) {
  KeptModels models(Limits(), {.numerics = "one"});
  models.Create("iris");
  const std::vector<float> bias = {0.25F, -3};
  Answer<SetWeightsReply> set;
  SetWeightsCall call;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [&bias] {
    SetWeightsInput input;
    input.layers.push_back({1, {}, {bias.data(), 1, kOutputs}});
    return input;
  };
  call.done = set.Done();
  models.Find("iris")->SetWeights(std::move(call));
  models.RunAll();
  ASSERT_TRUE(set.Get().ok());
  const std::vector<float> before = models.ParametersOf("iris");
  models.set_numerics("two");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("iris"), before);
  EXPECT_TRUE(models.inexact().empty());
}

}  // namespace
}  // namespace chainrule::server
