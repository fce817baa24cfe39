// Versions, aliases and copies: immutable, exactly once, and there after a crash.
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Pair;

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

class VersionsTest : public ::testing::Test {
 protected:
  VersionsTest() { models_.Create("iris"); }

  int64_t Publish(const Registry::Request& request = {}) {
    const auto version = models_.registry().Publish("iris", {}, std::nullopt, request);
    EXPECT_TRUE(version.ok()) << version.status();
    return version->version.number;
  }
  std::vector<float> VersionOf(int64_t number) {
    const auto snapshot = models_.Find("iris")->LoadVersion(number);
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return Parameters(**snapshot);
  }
  absl::StatusOr<SetWeightsReply> Restore(int64_t number, const std::string& request_id = "",
                                          bool reset_optimizer = false) {
    Answer<SetWeightsReply> answer;
    ReplaceCall call;
    call.write.request_id = request_id;
    call.write.cancellation = std::make_shared<engine::Cancellation>();
    call.reset_optimizer = reset_optimizer;
    const auto snapshot = models_.Find("iris")->LoadVersion(number);
    call.read = [state = (*snapshot)->state()] { return ReplaceInput{state, true, {1, 2}}; };
    call.done = answer.Done();
    models_.Find("iris")->Replace(std::move(call));
    models_.RunAll();
    return answer.Get();
  }
  absl::StatusOr<Registry::Result> SetAlias(const std::string& alias,
                                            std::optional<int64_t> version,
                                            const std::string& etag = "") {
    return models_.registry().SetAlias("iris", alias, version, etag, {});
  }

  KeptModels models_;
};

TEST_F(VersionsTest, VersionKeepsTheWeightsOfThenAlsoAcrossACrash) {
  ASSERT_TRUE(models_.Step("iris").ok());
  const std::vector<float> then = models_.ParametersOf("iris");
  EXPECT_EQ(Publish(), 1);
  ASSERT_TRUE(models_.Step("iris").ok());
  EXPECT_EQ(Publish(), 2);
  EXPECT_EQ(VersionOf(1), then);
  models_.Crash();
  EXPECT_EQ(VersionOf(1), then);
  EXPECT_EQ(VersionOf(2), models_.ParametersOf("iris"));
  const auto versions = models_.Find("iris")->ListVersions();
  ASSERT_EQ(versions.size(), 2U);
  EXPECT_EQ(versions[0].step, 1);
  EXPECT_EQ(versions[1].step, 2);
}

TEST_F(VersionsTest, RepeatOfARestoreAnswersTheModelAsItWasThen) {
  Publish();
  ASSERT_TRUE(models_.Step("iris").ok());
  const auto first = Restore(1, kId);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->model->step, 2);
  EXPECT_EQ(first->model->settings->network.optimizer.learning_rate, 0.05);
  ASSERT_TRUE(models_.Step("iris").ok());
  ASSERT_TRUE(SetAlias("prod", 1).ok());
  ModelUpdate update;
  update.labels.emplace()["team"] = "blue";
  update.learning_rate = 0.5;
  ASSERT_TRUE(models_.registry().UpdateModel("iris", "", update, {}).ok());
  for (int life = 0; life < 3; ++life) {
    const auto repeat = Restore(1, kId);
    ASSERT_TRUE(repeat.ok()) << repeat.status();
    EXPECT_TRUE(repeat->replayed);
    const ModelDescription then = AnsweredModel(*repeat, *models_.Find("iris"));
    EXPECT_EQ(then.step, 2);
    EXPECT_EQ(then.durable_step, 2);
    EXPECT_EQ(then.settings->network.optimizer.learning_rate, 0.05);
    EXPECT_EQ(then.etag, first->model->etag);
    EXPECT_EQ(then.update_time, first->model->update_time);
    EXPECT_EQ(then.memory_bytes, first->model->memory_bytes);
    EXPECT_THAT(then.labels, IsEmpty());
    EXPECT_THAT(then.aliases, IsEmpty());
    if (life == 0) {
      ASSERT_TRUE(models_.registry().WriteCheckpoints().ok());
    }
    models_.Crash();
  }
}

TEST_F(VersionsTest, NumberOfADeletedVersionIsNotGivenAgain) {
  EXPECT_EQ(Publish(), 1);
  EXPECT_EQ(Publish(), 2);
  ASSERT_TRUE(models_.registry().DeleteVersion("iris", 2, {}).ok());
  models_.Crash();
  EXPECT_EQ(Publish(), 3);
  EXPECT_EQ(Reason(models_.Find("iris")->LoadVersion(2).status()), "VERSION_NOT_FOUND");
}

TEST_F(VersionsTest, StatisticsOfADeletedVersionGoWithIt) {
  Publish();
  Publish();
  InferenceStatistics& statistics = models_.Find("iris")->statistics();
  for (const int64_t version : {0, 1, 2}) statistics.AddFailed(version, 1);
  ASSERT_TRUE(SetAlias("prod", 2).ok());
  ASSERT_TRUE(models_.registry().DeleteVersion("iris", 1, {}).ok());
  EXPECT_FALSE(models_.registry().DeleteVersion("iris", 2, {}).ok());
  EXPECT_THAT(statistics.Get(), ElementsAre(Key(0), Key(2)));
}

TEST_F(VersionsTest, PublishHappensOnce) {
  EXPECT_EQ(Publish({kId, {1, 1}}), 1);
  models_.Crash();
  const auto repeat = models_.registry().Publish("iris", {}, std::nullopt, {kId, {1, 1}});
  ASSERT_TRUE(repeat.ok());
  EXPECT_TRUE(repeat->replayed);
  EXPECT_EQ(repeat->version.number, 1);
  EXPECT_EQ(models_.Find("iris")->ListVersions().size(), 1U);
}

TEST_F(VersionsTest, PublishAtAnotherStepIsRefused) {
  const auto refused = models_.registry().Publish("iris", {}, 7, {});
  EXPECT_EQ(Reason(refused.status()), "STEP_MISMATCH");
  EXPECT_EQ(Publish(), 1) << "no number was used up";
}

TEST_F(VersionsTest, AliasNamesAVersionAndMoves) {
  Publish();
  Publish();
  ASSERT_TRUE(SetAlias("prod", 1).ok());
  EXPECT_EQ(*models_.Find("iris")->ResolveVersion("prod"), 1);
  const auto moved = SetAlias("prod", 2);
  ASSERT_TRUE(moved.ok());
  EXPECT_THAT(moved->model.aliases, ElementsAre(Pair("prod", 2)));
  models_.Crash();
  EXPECT_EQ(*models_.Find("iris")->ResolveVersion("prod"), 2);
  EXPECT_EQ(*models_.Find("iris")->ResolveVersion("1"), 1);
  EXPECT_EQ(Reason(models_.Find("iris")->ResolveVersion("3").status()), "VERSION_NOT_FOUND");
  EXPECT_EQ(Reason(models_.Find("iris")->ResolveVersion("test").status()), "VERSION_NOT_FOUND");
}

TEST_F(VersionsTest, AliasOfNoVersionOrAnOldEtagIsRefused) {
  EXPECT_EQ(Reason(SetAlias("prod", 1).status()), "VERSION_NOT_FOUND");
  Publish();
  const std::string etag = models_.Find("iris")->Describe().etag;
  ASSERT_TRUE(SetAlias("prod", 1, etag).ok());
  EXPECT_EQ(Reason(SetAlias("prod", 1, etag).status()), "ETAG_MISMATCH");
}

TEST_F(VersionsTest, VersionThatAnAliasNamesCannotBeDeleted) {
  Publish();
  ASSERT_TRUE(SetAlias("prod", 1).ok());
  const absl::Status refused = models_.registry().DeleteVersion("iris", 1, {}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(refused), "VERSION_IN_USE");
  EXPECT_EQ(Metadata(refused, "aliases"), "'prod'");
  ASSERT_TRUE(SetAlias("prod", std::nullopt).ok());
  EXPECT_TRUE(models_.registry().DeleteVersion("iris", 1, {}).ok());
  EXPECT_EQ(Reason(SetAlias("prod", std::nullopt).status()), "VERSION_NOT_FOUND");
}

TEST_F(VersionsTest, RestorePutsWeightsAndOptimizerBackAsOneMoreStep) {
  ASSERT_TRUE(models_.Step("iris").ok());
  Publish();
  ASSERT_TRUE(models_.Step("iris").ok());
  const std::vector<float> second = models_.ParametersOf("iris");
  const auto restored = Restore(1, kId);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->model_step, 3);
  EXPECT_EQ(restored->durable_step, 3);
  EXPECT_EQ(models_.ParametersOf("iris"), VersionOf(1));
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("iris"), VersionOf(1));
  EXPECT_TRUE(Restore(1, kId)->replayed);
  EXPECT_EQ(models_.Find("iris")->Describe().step, 3);
}

TEST_F(VersionsTest, RestoreCanResetTheOptimizer) {
  ASSERT_TRUE(models_.Step("iris").ok());
  Publish();
  ASSERT_TRUE(Restore(1, "", true).ok());
  for (const float value : models_.Find("iris")->snapshot()->state().optimizer->span()) {
    EXPECT_EQ(value, 0.0F);
  }
}

TEST_F(VersionsTest, CopyIsAModelOfItsOwn) {
  ASSERT_TRUE(models_.Step("iris").ok());
  Publish();
  ASSERT_TRUE(models_.Step("iris").ok());
  const auto live = models_.registry().Copy("iris", "", "live", false, {});
  const auto old = models_.registry().Copy("iris", "1", "old", false, {kId, {1, 2}});
  ASSERT_TRUE(live.ok() && old.ok());
  EXPECT_EQ(live->model.step, 2);
  EXPECT_EQ(old->model.step, 1);
  EXPECT_NE(live->model.uid, models_.Find("iris")->uid());
  EXPECT_EQ(models_.ParametersOf("live"), models_.ParametersOf("iris"));
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("old"), VersionOf(1));
  EXPECT_TRUE(models_.registry().Copy("iris", "1", "old", false, {kId, {1, 2}})->replayed);
  ASSERT_TRUE(models_.Step("old").ok());
  EXPECT_EQ(models_.ParametersOf("old"), models_.ParametersOf("live")) << "momentum and all";
  EXPECT_EQ(Reason(models_.registry().Copy("iris", "", "old", false, {}).status()), "MODEL_EXISTS");
  EXPECT_EQ(Reason(models_.registry().Copy("nosuch", "", "new", false, {}).status()),
            "MODEL_NOT_FOUND");
}

TEST_F(VersionsTest, FilesGoWithTheModel) {
  Publish();
  Publish();
  EXPECT_EQ(models_.store().weights().size(), 3U);
  ASSERT_TRUE(models_.registry().DeleteVersion("iris", 1, {}).ok());
  EXPECT_EQ(models_.store().weights().size(), 2U);
  ASSERT_TRUE(models_.registry().Delete("iris", "", {}).ok());
  EXPECT_THAT(models_.store().weights(), IsEmpty());
}

TEST_F(VersionsTest, DamagedVersionIsToldAndTheModelGoesOn) {
  Publish();
  for (const std::string& name : models_.store().weights()) {
    if (name.find("version-1") != std::string::npos) models_.store().DamageWeights(name);
  }
  models_.Crash();
  EXPECT_EQ(Reason(models_.Find("iris")->LoadVersion(1).status()), "MODEL_DAMAGED");
  EXPECT_TRUE(models_.Step("iris").ok());
}

TEST(VersionsInMemoryTest, VersionsAreThereWithoutAStore) {
  ManualScheduler scheduler;
  const auto model = MakeModel(&scheduler);
  ASSERT_EQ(model->Publish({}, std::nullopt)->number, 1);
  Answer<TrainReply> trained;
  model->Train(OneStep(&trained));
  scheduler.RunAll();
  EXPECT_EQ((*model->LoadVersion(1))->step(), 0);
  EXPECT_EQ(model->snapshot()->step(), 1);
}

}  // namespace
}  // namespace chainrule::server
