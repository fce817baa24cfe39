// A log that fails: changes are refused, predictions go on with what was published, and
// all comes back with the disk.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/kept_models.h"

namespace chainrule::server {
namespace {

constexpr char kId[] = "919108f7-52d1-4320-9bac-f847db4148a8";

class StorageFailureTest : public ::testing::TestWithParam<bool> {
 protected:
  // Whether a refused record is on the disk all the same.
  bool kept() const { return GetParam(); }
  KeptModels models_;
};

std::string NameOf(const ::testing::TestParamInfo<bool>& kept) {
  return kept.param ? "Kept" : "Lost";
}

INSTANTIATE_TEST_SUITE_P(RefusedRecords, StorageFailureTest, ::testing::Bool(), NameOf);

TEST_P(StorageFailureTest, ChangesAreRefusedAndReadersGoOn) {
  const auto model = models_.Create("iris");
  ASSERT_TRUE(models_.Step("iris").ok());
  const std::vector<float> published = models_.ParametersOf("iris");
  models_.store().FailLog("no space", kept());
  for (int i = 0; i < 3; ++i) {
    const absl::Status refused = models_.Step("iris").status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(Reason(refused), "STORAGE_FAILED");
    EXPECT_EQ(model->snapshot()->step(), 1);
    EXPECT_EQ(Parameters(*model->snapshot()), published);
  }
}

TEST_P(StorageFailureTest, RepeatAfterTheDiskIsBackHappensOnce) {
  const auto model = models_.Create("iris");
  ASSERT_TRUE(models_.Step("iris").ok());
  models_.store().FailLog("no space", kept());
  EXPECT_EQ(Reason(models_.Step("iris", kId).status()), "STORAGE_FAILED");
  models_.store().Repair();
  models_.registry().WaitForRecovery();
  const auto repeat = models_.Step("iris", kId);
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_EQ(repeat->replayed, kept());
  EXPECT_EQ(repeat->model_step, 2);
  EXPECT_EQ(model->snapshot()->step(), 2);
  KeptModels undisturbed;
  undisturbed.Create("iris");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(undisturbed.Step("iris").ok());
  EXPECT_EQ(models_.ParametersOf("iris"), undisturbed.ParametersOf("iris"));
  models_.Crash();
  EXPECT_EQ(models_.ParametersOf("iris"), undisturbed.ParametersOf("iris"));
}

TEST_P(StorageFailureTest, TrainingThatRunsWhenTheDiskFailsIsAnsweredAndCanBeRepeated) {
  const auto model = models_.Create("iris");
  Answer<TrainReply> broken, behind, repeat;
  model->Train(TestCall(2, &broken, kId));
  for (int i = 0; i < 2; ++i) models_.RunOne();
  models_.store().FailLog("no space", kept());
  model->Train(OneStep(&behind));
  models_.RunAll();
  EXPECT_EQ(Reason(broken.status()), "STORAGE_FAILED");
  EXPECT_EQ(Reason(behind.status()), "STORAGE_FAILED");
  models_.store().Repair();
  models_.registry().WaitForRecovery();
  model->Train(TestCall(2, &repeat, kId));
  models_.RunAll();
  ASSERT_TRUE(repeat.Get().ok()) << repeat.Get().status();
  EXPECT_EQ(repeat.Get()->result.steps_taken, 6);
}

TEST_P(StorageFailureTest, ModelsThatLostNothingGoOn) {
  models_.Create("iris");
  models_.Create("other");
  ASSERT_TRUE(models_.Step("other").ok());
  models_.store().FailLog("no space", kept());
  EXPECT_FALSE(models_.Step("iris").ok());
  models_.store().Repair();
  models_.registry().WaitForRecovery();
  EXPECT_EQ(models_.Step("other")->model_step, 2);
}

TEST_P(StorageFailureTest, ListenerHearsOfTheFailureAndItsEnd) {
  models_.Create("iris");
  std::vector<bool> heard;
  models_.registry().SetStorageListener(
      [&](const absl::Status& storage) { heard.push_back(storage.ok()); });
  models_.store().FailLog("no space", kept());
  EXPECT_FALSE(models_.Step("iris").ok());
  models_.store().Repair();
  models_.registry().WaitForRecovery();
  EXPECT_EQ(heard, (std::vector<bool>{false, true}));
}

TEST_P(StorageFailureTest, ModelsCannotBeMadeOrChangedOnADiskThatFails) {
  models_.Create("iris");
  models_.store().FailWrites("read-only");
  EXPECT_EQ(Reason(models_.registry().Create("b", TestSettings(), {}, {}, {}).status()),
            "STORAGE_FAILED");
  EXPECT_EQ(Reason(models_.registry().Delete("iris", "", {}).status()), "STORAGE_FAILED");
  EXPECT_EQ(models_.registry().size(), 1);
  EXPECT_FALSE(models_.registry().Close().ok());
}

}  // namespace
}  // namespace chainrule::server
