// Model folders that earlier releases left behind open in this one, and every record of
// their logs leads where the same calls lead today.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/models/registry.h"
#include "server/store/folder_store.h"
#include "tests/golden/model_folder_sample.h"

namespace chainrule::server {
namespace {

class FrozenModelTest : public testing::TestWithParam<const char*> {
 protected:
  FrozenModelTest() {
    options_.folder = absl::StrCat(testing::TempDir(), "/frozen-model-", getpid());
    std::filesystem::remove_all(options_.folder);
    std::filesystem::copy(absl::StrCat(CHAINRULE_SOURCE_DIR, "/tests/golden/", GetParam()),
                          options_.folder, std::filesystem::copy_options::recursive);
  }
  ~FrozenModelTest() override {
    registry_.reset();
    store_.reset();
    std::filesystem::remove_all(options_.folder);
  }

  std::shared_ptr<Model> Open() {
    auto store = FolderStore::Open(options_, &PosixFileSystem());
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    Registry::Keeping keeping;
    keeping.store = store_.get();
    keeping.executor = &executor_;
    Limits limits;
    limits.request_id_age = absl::InfiniteDuration();
    registry_.emplace(limits, &scheduler_, keeping);
    EXPECT_TRUE(registry_->Open().ok());
    registry_->WaitForRecovery();
    return *registry_->Find("iris");
  }

  FolderStore::Options options_;
  const engine::Executor executor_{1};
  ManualScheduler scheduler_;
  std::unique_ptr<FolderStore> store_;
  std::optional<Registry> registry_;
};

// Another processor may have made them, so the last bits may differ.
TEST_P(FrozenModelTest, IsWhereTheSameCallsLeadToday) {
  ManualScheduler scheduler;
  const std::shared_ptr<Model> today = MakeModel(&scheduler);
  const int64_t step = MakeSampleCalls(today.get(), [&] { scheduler.RunAll(); });
  EXPECT_EQ(step, 6);
  const std::shared_ptr<Model> frozen = Open();
  const auto snapshot = frozen->Load();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_EQ((*snapshot)->step(), step);
  EXPECT_EQ((*snapshot)->state().optimizer_steps, 5);
  EXPECT_EQ((*snapshot)->settings().network.optimizer.learning_rate, 0.02);
  EXPECT_THAT(Parameters(**snapshot),
              testing::Pointwise(testing::FloatNear(1e-5F), Parameters(*today)));
}

TEST_P(FrozenModelTest, RemembersItsRequestIds) {
  const std::shared_ptr<Model> frozen = Open();
  const auto run = [&] { scheduler_.RunAll(); };
  EXPECT_TRUE(SampleTrain(frozen.get(), run)->replayed);
  EXPECT_TRUE(SampleGradients(frozen.get(), run)->replayed);
  EXPECT_EQ(SampleSetWeights(frozen.get(), run)->model_step, 7);
}

INSTANTIATE_TEST_SUITE_P(Formats, FrozenModelTest, testing::Values("model_folder_2"));

}  // namespace
}  // namespace chainrule::server
