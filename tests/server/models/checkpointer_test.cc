// Checkpoints in the background: when they come, and what part of the log goes.
#include "server/models/checkpointer.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

// The records that are in the log.
int64_t RecordsIn(MemoryStore* store) {
  int64_t count = 0;
  const auto visit = [&](const LogRecord&) {
    ++count;
    return absl::OkStatus();
  };
  const auto log = store->OpenLog(visit, nullptr);
  return count;
}

TEST(CheckpointerTest, AllIsCoveredAndTheLogEmptied) {
  KeptModels models;
  for (const char* id : {"a", "b", "c"}) {
    models.Create(id);
    ASSERT_TRUE(models.Step(id).ok());
  }
  ASSERT_TRUE(models.registry().WriteCheckpoints().ok());
  const std::vector<float> before = models.ParametersOf("b");
  EXPECT_EQ(RecordsIn(&models.store()), 0);
  models.Crash();
  EXPECT_FALSE(models.Find("b")->has_tail());
  EXPECT_EQ(models.ParametersOf("b"), before);
  EXPECT_EQ(models.store().weights().size(), 3U) << "the files before are gone";
}

TEST(CheckpointerTest, ModelThatDidNotChangeIsLeftAlone) {
  KeptModels models;
  models.Create("a");
  models.Create("b");
  ASSERT_TRUE(models.Step("a").ok());
  const std::vector<std::string> before = models.store().weights();
  ASSERT_TRUE(models.registry().WriteCheckpoints().ok());
  const std::vector<std::string> after = models.store().weights();
  const std::string unchanged = models.Find("b")->uid();
  for (const std::string& name : before) {
    const bool kept = std::find(after.begin(), after.end(), name) != after.end();
    EXPECT_EQ(kept, name.find(unchanged) == 0) << name;
  }
}

TEST(CheckpointerTest, ComesAfterSoManyBytesOfLog) {
  KeptModels models;
  models.set_checkpoints({1, absl::Hours(24), absl::ZeroDuration()});
  models.Crash();
  const auto model = models.Create("a");
  ASSERT_TRUE(models.Step("a").ok());
  while (model->first_uncovered().has_value()) {
  }
}

TEST(CheckpointerTest, ComesAfterSomeTime) {
  KeptModels models;
  models.set_checkpoints({int64_t{1} << 40, absl::Milliseconds(1), absl::ZeroDuration()});
  models.Crash();
  const auto model = models.Create("a");
  ASSERT_TRUE(models.Step("a").ok());
  while (model->first_uncovered().has_value()) {
  }
}

TEST(CheckpointerTest, TrainingGoesOnWhileCheckpointsAreWritten) {
  KeptModels models;
  models.set_checkpoints({1, absl::Hours(24), absl::ZeroDuration()});
  models.Crash();
  models.Create("a");
  for (int i = 0; i < 300; ++i) ASSERT_EQ(models.Step("a")->model_step, i + 1);
  const std::vector<float> before = models.ParametersOf("a");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("a"), before);
  EXPECT_EQ(models.Find("a")->Describe().step, 300);
}

TEST(CheckpointerTest, CheckpointThatFailsLeavesTheLogAsItWas) {
  KeptModels models;
  models.Create("a");
  ASSERT_TRUE(models.Step("a").ok());
  models.store().FailWrites("no space");
  EXPECT_FALSE(models.registry().WriteCheckpoints().ok());
  models.store().Repair();
  const std::vector<float> before = models.ParametersOf("a");
  models.Crash();
  EXPECT_EQ(models.ParametersOf("a"), before);
  EXPECT_TRUE(models.registry().WriteCheckpoints().ok());
}

}  // namespace
}  // namespace chainrule::server
