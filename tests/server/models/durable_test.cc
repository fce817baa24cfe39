// Models in a store: what was answered is there after a crash, to the bit, and nothing is
// seen before the log has it.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

SetWeightsCall BiasCall(const std::vector<float>& bias, Answer<SetWeightsReply>* answer) {
  SetWeightsCall call;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [&bias] {
    SetWeightsInput input;
    input.layers.push_back({1, {}, {bias.data(), 1, kOutputs}});
    return input;
  };
  call.done = answer->Done();
  return call;
}

TEST(DurableTest, EveryKindOfChangeIsThereAfterACrashToTheBit) {
  KeptModels models;
  models.Create("iris");
  const std::vector<float> bias = {0.25F, -3};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(models.Step("iris").ok());
    Answer<TrainReply> epochs;
    models.Find("iris")->Train(TestCall(3, &epochs));
    Answer<SetWeightsReply> set;
    models.Find("iris")->SetWeights(BiasCall(bias, &set));
    models.RunAll();
    ASSERT_TRUE(set.Get().ok());
    ASSERT_TRUE(models.registry().UpdateModel("iris", "", {{}, 0.01 / (i + 1)}, {}).ok());
  }
  ASSERT_TRUE(models.Step("iris").ok());
  const std::vector<float> before = models.ParametersOf("iris");
  const ModelDescription described = models.Find("iris")->Describe();
  EXPECT_EQ(described.step, 3 * (1 + 9 + 1) + 1);
  models.Crash();
  EXPECT_EQ(models.ParametersOf("iris"), before);
  const ModelDescription again = models.Find("iris")->Describe();
  EXPECT_EQ(again.step, described.step);
  EXPECT_EQ(again.durable_step, described.step);
  EXPECT_EQ(again.uid, described.uid);
  EXPECT_EQ(again.etag, described.etag);
  EXPECT_EQ(again.settings->network.optimizer.learning_rate, 0.01 / 3);
  // And it goes on as if nothing had been: momentum and all.
  ASSERT_TRUE(models.Step("iris").ok());
  KeptModels undisturbed;
  undisturbed.Create("iris");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(undisturbed.Step("iris").ok());
    Answer<TrainReply> epochs;
    undisturbed.Find("iris")->Train(TestCall(3, &epochs));
    Answer<SetWeightsReply> set;
    undisturbed.Find("iris")->SetWeights(BiasCall(bias, &set));
    undisturbed.RunAll();
    ASSERT_TRUE(undisturbed.registry().UpdateModel("iris", "", {{}, 0.01 / (i + 1)}, {}).ok());
  }
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(undisturbed.Step("iris").ok());
  EXPECT_EQ(models.ParametersOf("iris"), undisturbed.ParametersOf("iris"));
}

TEST(DurableTest, ReplyTellsTheStepThatIsDurable) {
  KeptModels models;
  models.Create("iris");
  EXPECT_EQ(models.Step("iris")->durable_step, 1);
  EXPECT_EQ(models.Step("iris")->durable_step, 2);
  EXPECT_EQ(models.Find("iris")->Describe().durable_step, 2);
}

TEST(DurableTest, NothingIsSeenOrAnsweredBeforeTheLogHasIt) {
  KeptModels models;
  const auto model = models.Create("iris");
  models.store().HoldLog();
  Answer<TrainReply> first, second, mismatch;
  model->Train(OneStep(&first));
  model->Train(OneStep(&second));
  TrainCall call = OneStep(&mismatch);
  call.write.if_step = 7;
  model->Train(std::move(call));
  models.RunAll();  // the writer went through all three
  EXPECT_EQ(model->snapshot()->step(), 0);
  EXPECT_EQ(model->Describe().durable_step, 0);
  EXPECT_FALSE(first.ready());
  EXPECT_FALSE(second.ready());
  EXPECT_FALSE(mismatch.ready()) << "its error tells step 2";
  models.store().ReleaseLog();
  EXPECT_EQ(first.Get()->model_step, 1);
  EXPECT_EQ(second.Get()->model_step, 2);
  EXPECT_EQ(Metadata(mismatch.status(), "model_step"), "2");
  EXPECT_EQ(model->snapshot()->step(), 2);
}

TEST(DurableTest, WhatWasNotCommittedIsNotThereAfterACrash) {
  KeptModels models;
  const auto model = models.Create("iris");
  ASSERT_TRUE(models.Step("iris").ok());
  const std::vector<float> committed = models.ParametersOf("iris");
  models.store().HoldLog();
  Answer<TrainReply> lost;
  model->Train(OneStep(&lost, kId));
  models.RunAll();
  models.Crash();
  EXPECT_EQ(Reason(lost.status()), "STORAGE_FAILED");
  models.store().ReleaseLog();
  EXPECT_EQ(models.ParametersOf("iris"), committed);
  const auto repeated = models.Step("iris", kId);
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_FALSE(repeated->replayed);
  EXPECT_EQ(repeated->model_step, 2);
}

TEST(DurableTest, RelaxedShowsStepsAtOnceAndTellsWhichAreDurable) {
  KeptModels models(Limits(), {true, "", absl::ZeroDuration(), 1 << 30});
  const auto model = models.Create("iris");
  EXPECT_EQ(models.Step("iris")->durable_step, 0);
  EXPECT_EQ(model->snapshot()->step(), 1);
  ASSERT_TRUE(model->WriteCheckpoint().ok());  // syncs
  EXPECT_EQ(model->Describe().durable_step, 1);
  models.store().HoldLog();
  Answer<TrainReply> unwritten;
  model->Train(OneStep(&unwritten));
  models.RunAll();
  EXPECT_EQ(model->snapshot()->step(), 2);
  EXPECT_FALSE(unwritten.ready());
  models.store().ReleaseLog();
  EXPECT_EQ(unwritten.Get()->model_step, 2);
  EXPECT_EQ(unwritten.Get()->durable_step, 1);
}

TEST(DurableTest, LifecycleCallsHappenOnceAlsoAcrossACrash) {
  KeptModels models;
  const Registry::Request create{kId, {1, 2}};
  const auto first = models.registry().Create("iris", TestSettings(), {}, {{"a", "b"}}, create);
  ASSERT_TRUE(first.ok());
  models.Crash();
  const auto repeat = models.registry().Create("iris", TestSettings(), {}, {{"a", "b"}}, create);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_TRUE(repeat->replayed);
  EXPECT_EQ(repeat->model.uid, first->model.uid);
  EXPECT_EQ(repeat->model.etag, first->model.etag);
  EXPECT_THAT(repeat->model.labels, ElementsAre(Pair("a", "b")));
  constexpr char kDelete[] = "019108f7-52d1-4320-9bac-f847db4148a8";
  EXPECT_FALSE(*models.registry().Delete("iris", "", {kDelete, {3, 4}}));
  models.Crash();
  EXPECT_EQ(models.registry().size(), 0);
  EXPECT_TRUE(*models.registry().Delete("iris", "", {kDelete, {3, 4}}));
  EXPECT_EQ(Reason(models.registry().Delete("iris", "", {kDelete, {3, 5}}).status()),
            "REQUEST_ID_REUSED");
}

// A UUIDv7 of now.
std::string IdOfNow() {
  const int64_t milliseconds = absl::ToUnixMillis(absl::Now());
  return absl::StrFormat("%08x-%04x-7cc3-98c4-dc0c0c07398f", milliseconds >> 16,
                         milliseconds & 0xffff);
}

TEST(DurableTest, LifecycleIdThatWasForgottenIsRefusedAlsoByAServerThatRemembersMore) {
  Limits limits;
  limits.request_id_count = 1;
  KeptModels models(limits);
  const Registry::Request first = {IdOfNow(), {1, 1}};
  const auto create = [&](const std::string& id, const Registry::Request& request) {
    return models.registry().Create(id, TestSettings(), {}, {}, request).status();
  };
  ASSERT_TRUE(create("a", first).ok());
  ASSERT_TRUE(create("b", {kId, {2, 2}}).ok());
  ASSERT_TRUE(create("c", {"919108f7-52d1-4320-9bac-f847db4148ab", {3, 3}}).ok());
  models.set_limits(Limits());
  models.Crash();
  EXPECT_EQ(Reason(create("d", first)), "REQUEST_ID_EXPIRED");
}

TEST(DurableTest, LabelsAndEtagSurvive) {
  KeptModels models;
  models.Create("iris");
  const auto updated = models.registry().UpdateModel(
      "iris", "", {std::map<std::string, std::string>{{"k", "v"}}, {}}, {});
  ASSERT_TRUE(updated.ok());
  models.Crash();
  EXPECT_THAT(models.Find("iris")->Describe().labels, ElementsAre(Pair("k", "v")));
  EXPECT_EQ(models.Find("iris")->Describe().etag, updated->model.etag);
}

TEST(DurableTest, NameOfADeletedModelBeginsAnew) {
  KeptModels models;
  models.Create("iris");
  ASSERT_TRUE(models.Step("iris").ok());
  ASSERT_TRUE(models.registry().Delete("iris", "", {}).ok());
  EXPECT_THAT(models.store().weights(), ElementsAre());
  models.Create("iris");
  ASSERT_TRUE(models.Step("iris").ok());
  ASSERT_TRUE(models.Step("iris").ok());
  const std::vector<float> before = models.ParametersOf("iris");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("iris"), before);
}

TEST(DurableTest, CheckpointTakesThePlaceOfTheRecordsBeforeIt) {
  KeptModels models;
  const auto model = models.Create("iris");
  ASSERT_TRUE(models.Step("iris", kId).ok());
  ASSERT_TRUE(model->WriteCheckpoint().ok());
  EXPECT_EQ(model->first_uncovered(), std::nullopt);
  EXPECT_EQ(models.store().weights().size(), 1U);
  ASSERT_TRUE(models.Step("iris").ok());
  EXPECT_TRUE(model->first_uncovered().has_value());
  const std::vector<float> before = models.ParametersOf("iris");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("iris"), before);
  EXPECT_TRUE(models.Step("iris", kId)->replayed) << "the window is in the checkpoint, too";
}

TEST(DurableTest, OrderlyEndLeavesNothingToReplay) {
  KeptModels models;
  models.Create("iris");
  ASSERT_TRUE(models.Step("iris", kId).ok());
  const std::vector<float> before = models.ParametersOf("iris");
  models.Restart();
  EXPECT_TRUE(models.store().closed());
  EXPECT_FALSE(models.Find("iris")->has_tail());
  EXPECT_EQ(models.Find("iris")->snapshot(), nullptr) << "it is read when it is needed";
  const ModelDescription cold = models.Find("iris")->Describe();
  EXPECT_EQ(cold.condition, ModelCondition::kReady);
  EXPECT_EQ(cold.step, 1);
  EXPECT_EQ(cold.parameter_count, 32);
  EXPECT_EQ(models.ParametersOf("iris"), before);
  EXPECT_TRUE(models.Step("iris", kId)->replayed);
  EXPECT_EQ(models.Step("iris")->model_step, 2);
}

TEST(DurableTest, ColdModelTellsTheNormalizationAndTheRateItHasNow) {
  KeptModels models;
  const auto model = models.Create("iris");
  Answer<TrainReply> fitted;
  TrainCall call = TestCall(1, &fitted);
  call.options.fit_normalization = true;
  model->Train(std::move(call));
  models.RunAll();
  ASSERT_TRUE(fitted.Get().ok());
  ASSERT_TRUE(models.registry().UpdateModel("iris", "", {{}, 0.5}, {}).ok());
  const ModelDescription before = model->Describe();
  models.Restart();
  const ModelDescription cold = models.Find("iris")->Describe();
  EXPECT_EQ(models.Find("iris")->snapshot(), nullptr);
  EXPECT_EQ(cold.normalization->inputs.mean, before.normalization->inputs.mean);
  EXPECT_FALSE(cold.normalization->inputs.empty());
  EXPECT_EQ(cold.settings->network.optimizer.learning_rate, 0.5);
}

TEST(DurableTest, ColdModelIsTrainedWhereItStopped) {
  KeptModels models;
  models.Create("iris");
  ASSERT_TRUE(models.Step("iris").ok());
  models.Restart();
  EXPECT_EQ(models.Step("iris")->model_step, 2);
}

TEST(DurableTest, DamagedCheckpointIsToldAndNeverServed) {
  KeptModels models;
  models.Create("iris");
  models.Create("other");
  ASSERT_TRUE(models.Step("iris").ok());
  for (const std::string& name : models.store().weights()) {
    if (name.find(models.Find("iris")->uid()) == 0) models.store().DamageWeights(name);
  }
  models.Crash();
  const auto loaded = models.Find("iris")->Load();
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(loaded.status()), "MODEL_DAMAGED");
  EXPECT_THAT(loaded.status().message(), HasSubstr("models/iris"));
  EXPECT_EQ(models.Step("iris").status(), loaded.status());
  EXPECT_EQ(models.Find("iris")->Describe().condition, ModelCondition::kFailed);
  EXPECT_TRUE(models.Step("other").ok());
}

// A big input makes the log keep the numbers after it instead.
TEST(DurableTest, RecordHoldsTheInputOrTheNumbersWhicheverIsSmaller) {
  KeptModels models;
  const auto model = models.Create("iris");
  Answer<TrainReply> small, large;
  const auto log_bytes = [&] {
    int64_t bytes = 0;
    const auto visit = [&](const LogRecord& record) {
      bytes = static_cast<int64_t>(record.payload.size());
      return absl::OkStatus();
    };
    const auto log = models.store().OpenLog(visit, nullptr);
    return bytes;
  };
  TrainCall call = OneStep(&large);
  call.read = [] { return TestRows(10'000); };
  model->Train(std::move(call));
  models.RunAll();
  ASSERT_TRUE(large.Get().ok());
  EXPECT_LT(log_bytes(), 1'000);
  models.Crash();
  const std::vector<float> before = models.ParametersOf("iris");
  call = OneStep(&small);
  call.read = [] { return TestRows(2); };
  models.Find("iris")->Train(std::move(call));
  models.RunAll();
  ASSERT_TRUE(small.Get().ok());
  EXPECT_LT(log_bytes(), 250);
}

TEST(DurableTest, LongTrainingKeepsItsProgressAndGoesOnFromIt) {
  KeptModels models(Limits(), {false, "", absl::ZeroDuration(), 1 << 30});
  models.Create("iris");
  ManualScheduler other_scheduler;
  const std::shared_ptr<Model> undisturbed = MakeModel(&other_scheduler);
  Answer<TrainReply> whole, lost, repeat;
  undisturbed->Train(TestCall(4, &whole));
  other_scheduler.RunAll();
  TrainCall call = TestCall(4, &lost, kId);
  const auto cancellation = call.write.cancellation;
  Answer<int64_t> epoch;
  call.on_epoch = [&](const engine::EpochReport& report) { epoch.Done()(report.model_step); };
  models.Find("iris")->Train(std::move(call));
  for (int i = 0; i < 5; ++i) models.RunOne();
  EXPECT_EQ(*epoch.Get(), 3) << "so its record is in the log";
  // What comes now is lost.
  models.store().HoldLog();
  cancellation->Cancel();
  models.RunAll();
  models.Crash();
  models.store().ReleaseLog();
  EXPECT_EQ(Reason(lost.status()), "STORAGE_FAILED");
  const int64_t kept = models.Find("iris")->Describe().step;
  EXPECT_GE(kept, 3);
  EXPECT_LE(kept, 5);
  models.Find("iris")->Train(TestCall(4, &repeat, kId));
  models.RunAll();
  const auto reply = repeat.Get();
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->model_step, 12);
  EXPECT_EQ(reply->result.steps_taken, 12);
  EXPECT_EQ(reply->result.loss, whole.Get()->result.loss);
  EXPECT_EQ(models.ParametersOf("iris"), Parameters(*undisturbed));
}

TEST(DurableTest, EpochReportsWaitForTheRecordThatHoldsThem) {
  KeptModels models(Limits(), {false, "", absl::ZeroDuration(), 1 << 30});
  const auto model = models.Create("iris");
  Answer<TrainReply> answer;
  std::vector<std::string> heard;
  TrainCall call = TestCall(3, &answer);
  call.on_epoch = [&](const engine::EpochReport& report) {
    heard.push_back(absl::StrCat(report.epoch, report.model_step <= model->snapshot()->step()));
  };
  model->Train(std::move(call));
  models.RunAll();
  ASSERT_TRUE(answer.Get().ok());
  EXPECT_THAT(heard, ElementsAre("11", "21", "31"));
}

}  // namespace
}  // namespace chainrule::server
