// Records that cannot be read back: who lost one, or may have, is FAILED, and the others
// do not notice.
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LostRecordsTest : public ::testing::Test {
 protected:
  // A record each, in this order, of the models of these names.
  void Records(const std::string& ids) {
    for (const char id : ids) {
      const std::string name(1, id);
      if (!models_.registry().Find(name).ok()) models_.Create(name);
    }
    for (const char id : ids) ASSERT_TRUE(models_.Step(std::string(1, id)).ok());
  }
  ModelCondition Condition(const std::string& id) { return models_.Find(id)->Describe().condition; }
  void ExpectServed(const std::string& id) {
    EXPECT_TRUE(models_.Find(id)->Load().ok()) << id;
    EXPECT_EQ(Condition(id), ModelCondition::kReady) << id;
    EXPECT_TRUE(models_.Step(id).ok()) << id;
  }
  void ExpectFailed(const std::string& id, const std::string& place) {
    EXPECT_EQ(Condition(id), ModelCondition::kFailed) << id;
    const absl::Status status = models_.Find(id)->Load().status();
    EXPECT_EQ(Reason(status), "MODEL_DAMAGED") << status;
    EXPECT_THAT(status.message(), HasSubstr(place));
    EXPECT_EQ(models_.Step(id).status(), status);
  }

  KeptModels models_;
};

TEST_F(LostRecordsTest, OwnerOfADamagedRecordIsFailedAndTheOthersAreServed) {
  Records("aba");
  models_.store().DamageRecord(1);
  models_.Crash();
  ExpectFailed("a", "a damaged record at 1");
  ExpectServed("b");
  EXPECT_EQ(models_.Find("a")->Describe().step, 2);
  ASSERT_FALSE(models_.damage().empty());
  EXPECT_THAT(models_.damage()[0], HasSubstr("a damaged record at 1"));
}

// Nothing of its own tells that there was one more.
TEST_F(LostRecordsTest, ModelDoesNotGoBackSilentlyWhenItsLastRecordIsLost) {
  Records("aab");
  models_.store().DamageRecord(2);
  models_.Crash();
  ExpectFailed("a", "a damaged record at 2");
  ExpectServed("b");
  EXPECT_EQ(models_.Find("a")->Describe().step, 2) << "what was acknowledged";
}

TEST_F(LostRecordsTest, WhereNobodyKnowsWhoseItWasOnlyWhoIsCompleteIsServed) {
  models_.Create("c");
  Records("aba");
  models_.Create("d");
  models_.store().DamageRecord(2, /*owner_known=*/false);
  models_.Crash();
  ExpectServed("a");
  ExpectFailed("b", "it cannot be told whose");
  ExpectFailed("c", "it cannot be told whose");
  ExpectServed("d");
}

TEST_F(LostRecordsTest, NumbersTellOfALossBetweenTwoRecords) {
  Records("aaab");
  models_.store().DamageRecord(2, /*owner_known=*/false);
  models_.Crash();
  ExpectFailed("a", "a damaged record at 2");
  ExpectServed("b");
}

TEST_F(LostRecordsTest, WhatACheckpointHoldsIsNotMissed) {
  Records("ab");
  ASSERT_TRUE(models_.Find("a")->WriteCheckpoint().ok());
  models_.store().DamageRecord(1);
  models_.Crash();
  ExpectServed("a");
  ExpectServed("b");
}

TEST_F(LostRecordsTest, DamageIsKeptUntilItsOwnerDecides) {
  Records("abab");
  models_.store().DamageRecord(3);
  for (int life = 0; life < 3; ++life) {
    models_.Crash();
    ExpectFailed("a", "a damaged record at 3");
    ExpectServed("b");
    ASSERT_TRUE(models_.registry().WriteCheckpoints().ok());
  }
  ASSERT_TRUE(models_.registry().Delete("a", "", {}).ok());
  ASSERT_TRUE(models_.registry().WriteCheckpoints().ok());
  const size_t told = models_.damage().size();
  models_.Crash();
  EXPECT_THAT(models_.damage(), SizeIs(told));
  ExpectServed("b");
}

TEST_F(LostRecordsTest, OtherNumbersPutItRightAndItsStepDoesNotGoBack) {
  Records("aab");
  const engine::ModelState state = models_.Find("b")->snapshot()->state();
  models_.store().DamageRecord(2);
  models_.Crash();
  Answer<SetWeightsReply> answer;
  ReplaceCall call;
  call.write.cancellation = std::make_shared<engine::Cancellation>();
  call.read = [&] { return ReplaceInput{state, true, {1, 2}}; };
  call.done = answer.Done();
  models_.Find("a")->Replace(std::move(call));
  models_.RunAll();
  ASSERT_TRUE(answer.Get().ok()) << answer.status();
  EXPECT_EQ(answer.Get()->model_step, 3);
  ExpectServed("a");
  models_.Crash();
  ExpectServed("a");
  EXPECT_EQ(models_.Find("a")->Describe().step, 5);
}

TEST_F(LostRecordsTest, OrderlyEndSaysThatSomethingIsLeftAndLosesNothing) {
  Records("ab");
  models_.store().DamageRecord(1);
  models_.Crash();
  models_.RunAll();
  models_.registry().Stop();
  EXPECT_EQ(models_.registry().Close().code(), absl::StatusCode::kDataLoss);
  models_.Crash();
  ExpectFailed("a", "a damaged record at 1");
  ExpectServed("b");
}

TEST_F(LostRecordsTest, HealthSaysSoFromTheStart) {
  Records("ab");
  models_.store().DamageRecord(1);
  models_.Crash(/*replayed=*/false);
  EXPECT_EQ(Condition("a"), ModelCondition::kFailed) << "before anybody asks for it";
}

}  // namespace
}  // namespace chainrule::server
