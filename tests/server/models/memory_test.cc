// What models say they take, against what the process gave out for them.
#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/core/spare_blocks.h"
#include "gtest/gtest.h"
#include "server/models/identity.h"
#include "server/models/registry.h"
#include "server/store/folder_store.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

double AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

std::shared_ptr<ModelSettings> SettingsOf(int layers, int64_t units) {
  auto settings = TestSettings(1e-6);  // so that no size of it diverges
  std::vector<engine::LayerSpec>& spec = settings->network.layers;
  spec.front().units = units;
  spec.insert(spec.begin(), static_cast<size_t>(layers), spec.front());
  return settings;
}

// Creates models, compares, deletes them and compares again.
void ExpectTrue(int count, const std::shared_ptr<ModelSettings>& settings) {
  ManualScheduler scheduler;
  Registry registry(Limits(), &scheduler);
  const double before = AllocatedBytes();
  double told = 0;
  for (int i = 0; i < count; ++i) {
    const auto created = registry.Create(absl::StrCat("m", i),
                                         std::make_shared<ModelSettings>(*settings), {}, {}, {});
    told += static_cast<double>(created->model.memory_bytes);
  }
  EXPECT_NEAR(told / (AllocatedBytes() - before), 1.0, 0.1) << told << " bytes were told";
  for (int i = 0; i < count; ++i) ASSERT_TRUE(registry.Delete(absl::StrCat("m", i), "", {}).ok());
  EXPECT_NEAR((AllocatedBytes() - before) / told, 0.0, 0.01) << "given back";
}

TEST(MemoryTest, ThousandSmallModelsTakeWhatTheySay) { ExpectTrue(1'000, SettingsOf(0, 4)); }

TEST(MemoryTest, ThousandDeepModelsTakeWhatTheySay) { ExpectTrue(1'000, SettingsOf(10, 2)); }

TEST(MemoryTest, LargeModelTakesWhatItSays) { ExpectTrue(1, SettingsOf(2, 2'000)); }

// A stream reads one state to its end, however many steps are taken meanwhile.
TEST(MemoryTest, NumbersThatReadersStillHaveCountUntilTheyGo) {
  ManualScheduler scheduler;
  Registry registry(Limits(), &scheduler);
  const double before = AllocatedBytes();
  ASSERT_TRUE(registry.Create("m", SettingsOf(2, 2'000), {}, {}, {}).ok());
  const std::shared_ptr<Model> model = *registry.Find("m");
  const auto told = [&] { return static_cast<double>(model->Describe().memory_bytes); };
  const double alone = told();
  std::vector<std::shared_ptr<const Snapshot>> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(model->snapshot());
    held.push_back(held.back());
    held.back()->predictor();
    Answer<TrainReply> answer;
    model->Train(OneStep(&answer));
    scheduler.RunAll();
    ASSERT_TRUE(answer.Get().ok());
  }
  EXPECT_GT(told(), 4 * alone) << "two that passed, packed, and the live one";
  EXPECT_NEAR(told() / (AllocatedBytes() - before), 1.0, 0.1);
  held.clear();
  EXPECT_NEAR(told() / alone, 1.0, 0.01);
  EXPECT_NEAR(told() / (AllocatedBytes() - before), 1.0, 0.1);
}

TEST(MemoryTest, ModelsWithLongNamesTakeWhatTheySay) {
  const auto settings = SettingsOf(0, 4);
  for (int i = 0; i < 1'000; ++i) {
    settings->feature_names.push_back(absl::StrCat(std::string(200, 'x'), i));
  }
  ExpectTrue(10, settings);
}

// --- kept in a data folder, as they are served ------------------------------

class ServedMemoryTest : public ::testing::Test {
 protected:
  ServedMemoryTest() {
    FolderStore::Options options;
    // A disk that does not wait, where there is one.
    const std::string memory = "/dev/shm";
    const bool there = std::filesystem::is_directory(memory);
    options.folder = (there ? memory : testing::TempDir()) + "/memory_test-XXXXXX";
    EXPECT_NE(mkdtemp(options.folder.data()), nullptr);
    folder_ = options.folder;
    store_ = *FolderStore::Open(options, &PosixFileSystem());
    Registry::Keeping keeping;
    keeping.store = store_.get();
    keeping.executor = &executor_;
    keeping.checkpoints.interval = absl::Hours(24);
    registry_.emplace(Limits(), &scheduler_, keeping);
    EXPECT_TRUE(registry_->Open().ok());
    // What SQLite and malloc keep for later is there before anything is measured.
    Create(1'000, SettingsOf(0, 4));
    Train();
    UnloadAll();
    Delete();
  }
  ~ServedMemoryTest() override {
    registry_.reset();
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Create(int count, const std::shared_ptr<ModelSettings>& settings) {
    before_ = AllocatedBytes();
    for (int i = 0; i < count; ++i) {
      models_.push_back(absl::StrCat("m", models_.size()));
      EXPECT_TRUE(registry_->Create(models_.back(), settings, {}, {}, {}).ok());
    }
  }
  void Train() {
    for (const std::string& id : models_) {
      Answer<TrainReply> answer;
      (*registry_->Find(id))->Train(OneStep(&answer, RandomUuid()));
      scheduler_.RunAll();
      EXPECT_TRUE(answer.Get().ok()) << answer.Get().status();
    }
  }
  void Predict() {
    for (const std::string& id : models_) (*(*registry_->Find(id))->Load())->predictor();
  }
  void UnloadAll() {
    for (const std::string& id : models_) {
      EXPECT_TRUE((*registry_->Find(id))->Unload(0)) << id;
    }
  }
  void Delete() {
    for (const std::string& id : models_) EXPECT_TRUE(registry_->Delete(id, "", {}).ok());
    models_.clear();
    // What the log knows of whose records are where goes with its segments.
    EXPECT_TRUE(registry_->WriteCheckpoints().ok());
  }
  double Told() const {
    double told = 0;
    for (const std::string& id : models_) {
      told += static_cast<double>((*registry_->Find(id))->Describe().memory_bytes);
    }
    return told;
  }
  void ExpectTold(const char* when) const {
    const double told = Told();  // may fill what is kept of a description
    const double taken = AllocatedBytes() - before_;
    // What malloc gave to others meanwhile, and a spare block or two.
    constexpr double kOther = 4'096 + engine::SpareBlocks::kMostSmallBytes;
    EXPECT_NEAR(told, taken, 0.1 * taken + kOther) << when;
  }
  void RunThroughLife() {
    ExpectTold("created");
    Train();
    ExpectTold("trained");
    Predict();
    ExpectTold("predicted");
    const double told = Told();
    UnloadAll();
    ExpectTold("cold");
    Predict();
    ExpectTold("back");
    Delete();
    EXPECT_NEAR((AllocatedBytes() - before_) / told, 0.0, 0.02) << "given back";
  }

  std::string folder_;
  engine::Executor executor_{1};
  ManualScheduler scheduler_;
  std::unique_ptr<FolderStore> store_;
  std::optional<Registry> registry_;
  std::vector<std::string> models_;
  double before_ = 0;
};

TEST_F(ServedMemoryTest, ThousandSmallModels) {
  Create(1'000, SettingsOf(0, 4));
  RunThroughLife();
}

TEST_F(ServedMemoryTest, ThousandDeepModels) {
  Create(1'000, SettingsOf(10, 20));
  RunThroughLife();
}

TEST_F(ServedMemoryTest, LargeModel) {
  Create(1, SettingsOf(2, 2'000));
  RunThroughLife();
}

TEST_F(ServedMemoryTest, RequestIdsCountToo) {
  Create(10, SettingsOf(0, 4));
  for (int i = 0; i < 1'000; ++i) Train();
  ExpectTold("a thousand trainings each");
}

}  // namespace
}  // namespace chainrule::server
