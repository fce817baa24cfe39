// Numbers that leave memory and come back: which, when, and what they are then.
#include "server/models/unloader.h"

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

class UnloaderTest : public ::testing::Test {
 protected:
  UnloaderTest() { one_ = SizeOfOne(); }

  // A life in which so many models of TestSettings fit in memory.
  void LetFit(int64_t count) {
    models_.set_memory({count * one_, absl::Hours(24)});
    models_.Crash();
  }
  void LetFitNothing() {
    models_.set_memory({0, absl::Hours(24)});
    models_.Crash();
  }
  // Everything but `last`, which is used now.
  void UnloadAllBut(const std::string& last) {
    ASSERT_TRUE(models_.Find(last)->Load().ok());
    models_.registry().KeepMemoryBudget();
    ASSERT_TRUE(InMemory(last));
  }
  bool InMemory(const std::string& id, int64_t version = 0) {
    for (const Model::Resident& resident : models_.Find(id)->Residents()) {
      if (resident.version == version) return true;
    }
    return false;
  }
  int64_t Publish(const std::string& id) {
    return models_.registry().Publish(id, {}, std::nullopt, {})->version.number;
  }

  KeptModels models_;
  int64_t one_ = 0;

 private:
  static int64_t SizeOfOne() {
    KeptModels models;
    models.Create("a");
    return models.registry().memory().bytes;
  }
};

TEST_F(UnloaderTest, WhatIsUsedLongestAgoLeavesUntilTheBudgetIsKept) {
  LetFit(2);
  for (const char* id : {"a", "b", "c", "d"}) models_.Create(id);
  for (const char* id : {"d", "a", "c", "b"}) ASSERT_TRUE(models_.Find(id)->Load().ok());
  models_.registry().KeepMemoryBudget();
  EXPECT_EQ(models_.registry().memory().models, 2);
  EXPECT_LE(models_.registry().memory().bytes, 2 * one_);
  EXPECT_TRUE(InMemory("b") && InMemory("c"));
  EXPECT_FALSE(InMemory("a") || InMemory("d"));
}

TEST_F(UnloaderTest, NothingLeavesWhileAllFits) {
  LetFit(3);
  for (const char* id : {"a", "b", "c"}) models_.Create(id);
  models_.registry().KeepMemoryBudget();
  EXPECT_EQ(models_.registry().memory().models, 3);
}

TEST_F(UnloaderTest, LooksByItselfWhenNumbersCome) {
  models_.set_memory({one_, absl::Milliseconds(5)});
  models_.Crash();
  models_.Create("a");
  models_.Create("b");
  while (models_.registry().memory().models > 1) {
  }
  ASSERT_TRUE(models_.Find("a")->Load().ok());
  while (models_.registry().memory().models > 1) {
  }
  EXPECT_TRUE(InMemory("a"));
}

TEST_F(UnloaderTest, AskingWhatModelsThereAreIsNoUse) {
  LetFit(1);
  models_.Create("a");
  models_.Create("b");
  models_.registry().List("", 10);
  EXPECT_TRUE(models_.Find("a")->settings().ok());
  models_.registry().KeepMemoryBudget();
  EXPECT_FALSE(InMemory("a"));
  EXPECT_TRUE(InMemory("b"));
}

TEST_F(UnloaderTest, WhatIsUsedLastStaysHoweverLargeItIs) {
  LetFitNothing();
  models_.Create("a");
  models_.registry().KeepMemoryBudget();
  EXPECT_TRUE(InMemory("a"));
  ASSERT_TRUE(models_.Step("a").ok());
  EXPECT_EQ(models_.Find("a")->snapshot()->step(), 1);
}

TEST_F(UnloaderTest, ModelThatSomebodyReadsStays) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  auto reader = models_.Find("a")->snapshot();
  ASSERT_NE(reader, nullptr);
  UnloadAllBut("b");
  EXPECT_TRUE(InMemory("a"));
  reader = nullptr;
  UnloadAllBut("b");
  EXPECT_FALSE(InMemory("a"));
}

TEST_F(UnloaderTest, ModelWithCallsThatWaitStaysAndTheyHappen) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  Answer<TrainReply> answer;
  models_.Find("a")->Train(OneStep(&answer));
  UnloadAllBut("b");
  EXPECT_TRUE(InMemory("a"));
  models_.RunAll();
  EXPECT_EQ(answer.Get()->model_step, 1);
}

TEST_F(UnloaderTest, TrainingThatIsUnderWayStays) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  Answer<TrainReply> answer;
  models_.Find("a")->Train(TestCall(2, &answer));
  models_.RunOne();
  UnloadAllBut("b");
  EXPECT_TRUE(InMemory("a"));
  models_.RunAll();
  EXPECT_EQ(answer.Get()->model_step, 6);
}

TEST_F(UnloaderTest, TrainingGoesOnInTheSameBits) {
  KeptModels undisturbed;
  undisturbed.Create("a");
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(models_.Step("a").ok());
    UnloadAllBut("b");
    ASSERT_FALSE(InMemory("a"));
    EXPECT_EQ(models_.Find("a")->Describe().step, i + 1);
    ASSERT_TRUE(undisturbed.Step("a").ok());
  }
  EXPECT_EQ(models_.ParametersOf("a"), undisturbed.ParametersOf("a"));
  const auto optimizer = [](KeptModels* models) {
    const auto state = (*models->Find("a")->Load())->state();
    EXPECT_EQ(state.optimizer_steps, 4);
    return std::vector<float>(state.optimizer->data(),
                              state.optimizer->data() + state.optimizer->size());
  };
  EXPECT_EQ(optimizer(&models_), optimizer(&undisturbed));
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("a"), undisturbed.ParametersOf("a"));
}

TEST_F(UnloaderTest, RequestIdsAreRememberedAndStepsKeptForReplaysAfterACrash) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  ASSERT_TRUE(models_.Step("a", kId).ok());
  UnloadAllBut("b");
  ASSERT_FALSE(InMemory("a"));
  const auto repeat = models_.Step("a", kId);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_TRUE(repeat->replayed);
  EXPECT_EQ(repeat->model_step, 1);
  ASSERT_TRUE(models_.Step("a").ok());
  const std::vector<float> before = models_.ParametersOf("a");
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("a"), before);
  EXPECT_TRUE(models_.Step("a", kId)->replayed);
}

TEST_F(UnloaderTest, LearningRateAndLabelsStay) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  ModelUpdate update;
  update.learning_rate = 0.25;
  update.labels.emplace()["team"] = "blue";
  ASSERT_TRUE(models_.registry().UpdateModel("a", "", update, {}).ok());
  UnloadAllBut("b");
  ASSERT_FALSE(InMemory("a"));
  EXPECT_EQ((*models_.Find("a")->settings())->network.optimizer.learning_rate, 0.25);
  EXPECT_EQ(models_.Find("a")->Describe().labels.at("team"), "blue");
  EXPECT_EQ((*models_.Find("a")->Load())->settings().network.optimizer.learning_rate, 0.25);
}

TEST_F(UnloaderTest, VersionsLeaveByThemselvesAndComeBack) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  ASSERT_TRUE(models_.Step("a").ok());
  ASSERT_EQ(Publish("a"), 1);
  const std::vector<float> then = models_.ParametersOf("a");
  ASSERT_TRUE(models_.Step("a").ok());
  do {  // the log's thread may have the snapshot a moment longer than its answer
    UnloadAllBut("b");
  } while (InMemory("a") || InMemory("a", 1));
  const auto read = models_.Find("a")->LoadVersion(1);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Parameters(**read), then);
  EXPECT_TRUE(InMemory("a", 1));
  EXPECT_FALSE(InMemory("a")) << "the version needs the live numbers not";
  UnloadAllBut("b");
  EXPECT_TRUE(InMemory("a", 1)) << "somebody reads it";
}

TEST_F(UnloaderTest, NumbersThatAVersionSharesCountOnce) {
  models_.Create("a");
  const int64_t before = models_.Find("a")->Describe().memory_bytes;
  ASSERT_EQ(Publish("a"), 1);
  EXPECT_EQ(models_.Find("a")->Describe().memory_bytes, before);
  ASSERT_TRUE(models_.Step("a").ok());
  EXPECT_GT(models_.Find("a")->Describe().memory_bytes, before);
}

TEST_F(UnloaderTest, NothingLeavesThatTheDiskCouldNotGiveBack) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  ASSERT_TRUE(models_.Step("a").ok());
  models_.store().FailWrites("no space");
  UnloadAllBut("b");
  EXPECT_TRUE(InMemory("a")) << "its checkpoint cannot be written";
  models_.store().Repair();
  UnloadAllBut("b");
  EXPECT_FALSE(InMemory("a"));
  ASSERT_TRUE(models_.Step("a").ok());
  ASSERT_TRUE(models_.registry().WriteCheckpoints().ok());
  models_.store().FailLog("no space");
  EXPECT_EQ(Reason(models_.Step("a").status()), "STORAGE_FAILED");
  UnloadAllBut("b");
  EXPECT_TRUE(InMemory("a"));
  models_.store().Repair();
  models_.registry().WaitForRecovery();
  EXPECT_EQ(models_.Step("a")->model_step, 3);
}

TEST_F(UnloaderTest, ReaderOfAModelThatIsDeletedMeanwhileHearsThat) {
  LetFitNothing();
  const auto model = models_.Create("a");
  models_.Create("b");
  ASSERT_EQ(Publish("a"), 1);
  UnloadAllBut("b");
  ASSERT_FALSE(InMemory("a") || InMemory("a", 1));
  ASSERT_TRUE(models_.registry().Delete("a", "", {}).ok());
  EXPECT_EQ(Reason(model->Load().status()), "MODEL_NOT_FOUND");
  EXPECT_EQ(Reason(model->LoadVersion(1).status()), "MODEL_NOT_FOUND");
}

TEST_F(UnloaderTest, CallThatIsCancelledInTheQueueOfAModelThatLeftHearsItsStep) {
  LetFitNothing();
  models_.Create("a");
  models_.Create("b");
  ASSERT_TRUE(models_.Step("a").ok());
  UnloadAllBut("b");
  ASSERT_FALSE(InMemory("a"));
  Answer<TrainReply> answer;
  TrainCall call = OneStep(&answer);
  const auto cancellation = call.write.cancellation;
  models_.Find("a")->Train(std::move(call));
  cancellation->Cancel(absl::StatusCode::kCancelled);
  models_.RunAll();
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Metadata(answer.status(), "model_step"), "1");
}

}  // namespace
}  // namespace chainrule::server
