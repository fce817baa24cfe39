// Models on a disk that fails at each operation of all that is written for them, log,
// checkpoints and SQLite's files, while they are made, trained, published and deleted: what
// was answered is there to the bit, and each call that is repeated with its id happened once.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/registry.h"
#include "tests/server/models/test_models.h"
#include "tests/server/store/stores.h"
#include "tests/support/memory_file_system.h"

namespace chainrule::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// A registry on a folder of a MemoryFileSystem; one life of it after another.
class DiskModels {
 public:
  DiskModels() : kind_(&files_) {}
  ~DiskModels() { End().IgnoreError(); }
  DiskModels(const DiskModels&) = delete;
  DiskModels& operator=(const DiskModels&) = delete;

  absl::Status Begin() {
    const absl::StatusOr<FolderStore*> store = kind_.TryOpen();
    if (!store.ok()) return store.status();
    Registry::Keeping keeping;
    keeping.store = *store;
    keeping.executor = &executor_;
    keeping.retry_interval = absl::Milliseconds(1);
    scheduler_.emplace();
    registry_.emplace(Limits(), &*scheduler_, keeping);
    works_ = true;
    registry_->SetStorageListener([this](const absl::Status& storage) { works_ = storage.ok(); });
    const absl::Status opened = registry_->Open();
    if (opened.ok() && works_) registry_->WaitForRecovery();
    return opened;
  }
  // In order, if `close`.
  absl::Status End(bool close = false) {
    absl::Status status;
    if (close && registry_.has_value()) {
      registry_->Stop();
      status = registry_->Close();
    }
    registry_.reset();
    scheduler_.reset();
    kind_.End();
    return status;
  }

  Registry& registry() { return *registry_; }
  MemoryFileSystem& files() { return files_; }
  void set_boot_id(const std::string& id) { kind_.options().boot_id = id; }
  absl::Status Train(const std::string& id, std::function<TrainCall(Answer<TrainReply>*)> call) {
    const auto model = registry_->Find(id);
    if (!model.ok()) return model.status();
    Answer<TrainReply> answer;
    (*model)->Train(call(&answer));
    scheduler_->RunAll();
    return answer.status();
  }
  std::vector<float> ParametersOf(const std::string& id) {
    const auto snapshot = (*registry_->Find(id))->Load();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return snapshot.ok() ? Parameters(**snapshot) : std::vector<float>();
  }

 private:
  MemoryFileSystem files_;
  FolderKind kind_;
  engine::Executor executor_{1};
  std::optional<ManualScheduler> scheduler_;
  std::atomic<bool> works_ = true;
  std::optional<Registry> registry_;
};

// A call that may be repeated, and the step of "iris" after it.
struct Act {
  const char* what;
  std::function<absl::Status(DiskModels&)> run;
  int64_t step = 0;
};

std::string IdOf(int number) {
  return absl::StrCat("919108f7-52d1-4320-9bac-f847db4148", number + 10);
}

Act Step(int number, int64_t step) {
  return {"step",
          [number](DiskModels& models) {
            return models.Train("iris",
                                [&](auto* answer) { return OneStep(answer, IdOf(number)); });
          },
          step};
}

Act Life(const char* what, std::function<absl::Status(Registry&)> run, int64_t step) {
  return {what, [run = std::move(run)](DiskModels& models) { return run(models.registry()); },
          step};
}

std::vector<Act> Script() {
  const auto request = [](int number) {
    return Registry::Request{IdOf(number), {1, static_cast<uint64_t>(number)}};
  };
  const Act checkpoint = Life(
      "checkpoint", [](Registry& registry) { return registry.WriteCheckpoints(); }, 0);
  const auto at = [](Act act, int64_t step) {
    act.step = step;
    return act;
  };
  return {
      Life(
          "create",
          [=](Registry& registry) {
            return registry.Create("iris", TestSettings(), {}, {}, request(0)).status();
          },
          0),
      {"train",
       [](DiskModels& models) {
         return models.Train("iris", [](auto* answer) { return TestCall(1, answer, IdOf(1)); });
       },
       3},
      Life(
          "label",
          [=](Registry& registry) {
            const std::map<std::string, std::string> labels = {{"kind", "flower"}};
            return registry.UpdateModel("iris", "", {labels, {}}, request(2)).status();
          },
          3),
      Life(
          "publish",
          [=](Registry& registry) {
            return registry.Publish("iris", {{"of", "three"}}, 3, request(3)).status();
          },
          3),
      Step(4, 4),
      at(checkpoint, 4),
      Life(
          "alias",
          [=](Registry& registry) {
            return registry.SetAlias("iris", "prod", 1, "", request(5)).status();
          },
          4),
      Step(6, 5),
      Life(
          "copy",
          [=](Registry& registry) {
            return registry.Copy("iris", "prod", "other", false, request(7)).status();
          },
          5),
      at(checkpoint, 5),
      Life(
          "delete",
          [=](Registry& registry) { return registry.Delete("other", "", request(8)).status(); }, 5),
      Step(9, 6),
      {"restart",
       [](DiskModels& models) {
         if (absl::Status ended = models.End(/*close=*/true); !ended.ok()) return ended;
         return models.Begin();
       },
       6},
      Step(10, 7),
  };
}

// The parameters of "iris" at each step, undisturbed and in memory.
std::vector<std::vector<float>> Undisturbed() {
  ManualScheduler scheduler;
  const auto model = MakeModel(&scheduler);
  std::vector<std::vector<float>> at = {Parameters(*model)};
  const auto run = [&](const std::function<TrainCall(Answer<TrainReply>*)>& call) {
    Answer<TrainReply> answer;
    model->Train(call(&answer));
    while (!scheduler.idle()) {
      scheduler.RunOne();
      if (model->snapshot()->step() == static_cast<int64_t>(at.size())) {
        at.push_back(Parameters(*model));
      }
    }
    EXPECT_TRUE(answer.status().ok());
  };
  run([](auto* answer) { return TestCall(1, answer); });
  for (int i = 0; i < 4; ++i) run([](auto* answer) { return OneStep(answer); });
  return at;
}

enum class Ending { kKill, kCrash, kCrashWithHole };

class FailingDiskTest : public ::testing::TestWithParam<Ending> {
 protected:
  // Of the process or of the machine, which is then started anew.
  void EndLife(DiskModels* models) {
    models->End().IgnoreError();
    MemoryFileSystem& files = models->files();
    if (GetParam() == Ending::kKill) return files.FailFrom(0);
    models->set_boot_id("another boot");
    GetParam() == Ending::kCrash ? files.Crash(7) : files.CrashWithHole();
  }
  absl::StatusCode Failure() const {
    return GetParam() == Ending::kKill ? absl::StatusCode::kResourceExhausted
                                       : absl::StatusCode::kUnavailable;
  }
  void ExpectWhole(DiskModels* models) {
    Registry& registry = models->registry();
    EXPECT_EQ(registry.size(), 1);
    const auto model = registry.Find("iris");
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(models->ParametersOf("iris"), bits_[7]);
    const ModelDescription described = (*model)->Describe();
    EXPECT_EQ(described.step, 7);
    EXPECT_THAT(described.labels, ElementsAre(Pair("kind", "flower")));
    EXPECT_THAT(described.aliases, ElementsAre(Pair("prod", 1)));
    const auto version = (*model)->LoadVersion(1);
    ASSERT_TRUE(version.ok()) << version.status();
    EXPECT_EQ(Parameters(**version), bits_[3]);
    EXPECT_EQ((*model)->ListVersions().size(), 1U);
  }

  const std::vector<Act> script_ = Script();
  const std::vector<std::vector<float>> bits_ = Undisturbed();
};

INSTANTIATE_TEST_SUITE_P(Endings, FailingDiskTest,
                         ::testing::Values(Ending::kKill, Ending::kCrash, Ending::kCrashWithHole));

TEST_P(FailingDiskTest, WhatWasAnsweredIsThereAfterAFailureAtAnyOperation) {
  int64_t operations = 0;
  for (int64_t operation = 0; operation <= operations; ++operation) {
    DiskModels models;
    ASSERT_TRUE(models.Begin().ok());
    const int64_t before = models.files().operations();
    if (operation > 0) models.files().FailFrom(before + operation, Failure());
    size_t done = 0;
    while (done < script_.size() && script_[done].run(models).ok()) ++done;
    if (operation == 0) {
      ASSERT_EQ(done, script_.size()) << script_[done].what;
      operations = models.files().operations() - before;
    }
    SCOPED_TRACE(absl::StrCat("operation ", operation, " failed, ", done,
                              " calls were answered, next ",
                              done < script_.size() ? script_[done].what : "the end"));
    EndLife(&models);
    const absl::Status begun = models.Begin();
    ASSERT_TRUE(begun.ok()) << begun;
    if (done > 0) {
      const int64_t step = (*models.registry().Find("iris"))->Describe().step;
      EXPECT_GE(step, script_[done - 1].step);
      EXPECT_LE(step, script_[std::min(done, script_.size() - 1)].step);
      EXPECT_EQ(models.ParametersOf("iris"), bits_[static_cast<size_t>(step)]);
    }
    for (size_t next = done; next < script_.size(); ++next) {
      const absl::Status repeated = script_[next].run(models);
      ASSERT_TRUE(repeated.ok()) << script_[next].what << ": " << repeated;
    }
    ExpectWhole(&models);
  }
  EXPECT_GT(operations, 150);
}

// Runs `act`, and once more if the disk fails it; without `files`, that comes back by itself.
absl::Status RunTwice(const Act& act, DiskModels* models, MemoryFileSystem* files) {
  absl::Status status = act.run(*models);
  if (status.ok()) return status;
  if (files != nullptr) files->FailFrom(0);
  if (act.what == std::string("restart")) {
    models->End().IgnoreError();
    return models->Begin();
  }
  models->registry().WaitForRecovery();
  return act.run(*models);
}

// A disk that fails until it is repaired, and one that fails once.
TEST_P(FailingDiskTest, CallsAreRepeatedInTheLifeInWhichTheDiskFailed) {
  int64_t operations = 0;
  for (int64_t each = 0; each <= 2 * operations; ++each) {
    const int64_t operation = (each + 1) / 2;
    const bool once = each % 2 == 0;
    DiskModels models;
    ASSERT_TRUE(models.Begin().ok());
    MemoryFileSystem& files = models.files();
    const int64_t before = files.operations();
    if (operation > 0) {
      once ? files.FailAt(before + operation, Failure())
           : files.FailFrom(before + operation, Failure());
    }
    SCOPED_TRACE(absl::StrCat("operation ", operation, " failed", once ? " once" : ""));
    for (const Act& act : script_) {
      const absl::Status status = RunTwice(act, &models, once ? nullptr : &files);
      ASSERT_TRUE(status.ok()) << act.what << ": " << status;
    }
    if (operation == 0) operations = files.operations() - before;
    ExpectWhole(&models);
    files.FailFrom(files.operations() + 1);
    EndLife(&models);
    const absl::Status begun = models.Begin();
    ASSERT_TRUE(begun.ok()) << begun;
    ExpectWhole(&models);
  }
}

// What may be lost with the machine's memory is not shown before the disk has it again.
TEST(StartOnFullDiskTest, WhatIsCheckpointedIsServedAndTheRestWhenTheDiskTakesItAgain) {
  DiskModels models;
  ASSERT_TRUE(models.Begin().ok());
  Registry* registry = &models.registry();
  const auto train = [&](const std::string& id) {
    return models.Train(id, [](auto* answer) { return OneStep(answer); });
  };
  ASSERT_TRUE(registry->Create("behind", TestSettings(), {}, {}, {}).ok());
  ASSERT_TRUE(registry->Create("whole", TestSettings(), {}, {}, {}).ok());
  ASSERT_TRUE(train("whole").ok());
  ASSERT_TRUE(registry->WriteCheckpoints().ok());
  ASSERT_TRUE(train("behind").ok());
  const std::vector<float> behind = models.ParametersOf("behind");
  const std::vector<float> whole = models.ParametersOf("whole");
  models.files().FailFrom(models.files().operations() + 1);
  models.End().IgnoreError();

  for (int restart = 0; restart < 2; ++restart) {
    const absl::Status begun = models.Begin();
    ASSERT_TRUE(begun.ok()) << begun;
    registry = &models.registry();
    EXPECT_EQ(models.ParametersOf("whole"), whole);
    const absl::Status hidden = (*registry->Find("behind"))->Load().status();
    EXPECT_EQ(hidden.code(), absl::StatusCode::kUnavailable) << hidden;
    for (const char* id : {"whole", "behind"}) {
      EXPECT_EQ(train(id).code(), absl::StatusCode::kUnavailable) << id;
    }
    EXPECT_FALSE(registry->Create("new", TestSettings(), {}, {}, {}).ok());
    if (restart == 0) models.End().IgnoreError();
  }
  models.files().FailFrom(0);
  registry->WaitForRecovery();
  EXPECT_EQ(models.ParametersOf("behind"), behind);
  EXPECT_EQ(models.ParametersOf("whole"), whole);
  for (const char* id : {"whole", "behind"}) EXPECT_TRUE(train(id).ok()) << id;
}

}  // namespace
}  // namespace chainrule::server
