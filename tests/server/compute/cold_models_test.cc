// Models whose numbers are not in memory: who waits for the disk, and what happens when
// they leave, come back, are trained, read, kept and deleted, all at once.
#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/compute/lanes.h"
#include "server/compute/workers.h"
#include "server/models/registry.h"
#include "server/store/memory_store.h"
#include "tests/server/compute/test_predictions.h"

namespace chainrule::server {
namespace {

Registry::Keeping KeepingOf(Store* store, const engine::Executor* executor, int64_t budget) {
  Registry::Keeping keeping;
  keeping.store = store;
  keeping.executor = executor;
  keeping.memory = {budget, absl::Milliseconds(1)};
  keeping.checkpoints = {1, absl::Milliseconds(1), absl::Milliseconds(1)};
  return keeping;
}

// A registry on a store, with lanes, and as much memory as is said.
class Kept {
 public:
  explicit Kept(int64_t budget)
      : registry_(Limits(), &*lanes_, KeepingOf(&store_, &executor_, budget)) {
    EXPECT_TRUE(registry_.Open().ok());
  }
  ~Kept() {
    registry_.Stop();
    lanes_.reset();
  }
  Registry& registry() { return registry_; }
  MemoryStore& store() { return store_; }
  std::shared_ptr<Model> Create(const std::string& id) {
    const auto created = registry_.Create(id, TestSettings(), {}, {}, {});
    EXPECT_TRUE(created.ok()) << created.status();
    return *registry_.Find(id);
  }

 private:
  engine::Executor executor_{1};
  MemoryStore store_;
  std::optional<TrainingLanes> lanes_{std::in_place, 2, &executor_};
  Registry registry_;
};

// Only what was used last is there.
constexpr int64_t kNothing = 0;

void WaitUntilCold(const Model& model) {
  while (!model.Residents().empty()) {
  }
}

class ColdModelsTest : public ::testing::Test {
 protected:
  Batcher::Options Options(std::function<void(std::function<void()>)> loader) {
    Batcher::Options options;
    options.loader = std::move(loader);
    return options;
  }
  engine::Executor executor_{2, engine::Executor::Priority::kHigh};
};

TEST_F(ColdModelsTest, CallsForOneModelShareOneRead) {
  Kept kept(kNothing);
  const auto model = kept.Create("a");
  const std::vector<float> inputs = TestInputs(2, kInputs);
  const std::vector<float> expected = Alone(*model->snapshot(), inputs);
  kept.Create("b");
  WaitUntilCold(*model);
  std::vector<std::function<void()>> loads;
  Batcher batcher(Options([&](auto load) { loads.push_back(std::move(load)); }), &executor_);
  std::array<std::optional<Prediction>, 3> calls;
  for (auto& call : calls) {
    call.emplace("call", inputs);
    batcher.Predict(call->Call(model, kInputs));
  }
  ASSERT_EQ(loads.size(), 1U);
  loads.front()();
  for (auto& call : calls) {
    EXPECT_TRUE(call->status().ok()) << call->status();
    EXPECT_EQ(call->outputs, expected);
  }
}

TEST_F(ColdModelsTest, AllThatWaitHearThatItIsDamaged) {
  Kept kept(kNothing);
  const auto model = kept.Create("a");
  kept.Create("b");
  WaitUntilCold(*model);
  for (const std::string& file : kept.store().weights()) kept.store().DamageWeights(file);
  std::vector<std::function<void()>> loads;
  Batcher batcher(Options([&](auto load) { loads.push_back(std::move(load)); }), &executor_);
  Prediction first("first", TestInputs(1, kInputs)), second("second", TestInputs(1, kInputs));
  batcher.Predict(first.Call(model, kInputs));
  batcher.Predict(second.Call(model, kInputs));
  loads.front()();
  EXPECT_EQ(Reason(first.status()), "MODEL_DAMAGED");
  EXPECT_EQ(Reason(second.status()), "MODEL_DAMAGED");
}

// The read takes as long as it does: who does not wait any more is answered all the same.
TEST_F(ColdModelsTest, CancelledCallsAreAnsweredWhileTheReadGoesOn) {
  Kept kept(kNothing);
  const auto model = kept.Create("a");
  kept.Create("b");
  WaitUntilCold(*model);
  std::vector<std::function<void()>> loads;
  Batcher batcher(Options([&](auto load) { loads.push_back(std::move(load)); }), &executor_);
  Prediction leaves("leaves", TestInputs(1, kInputs)), stays("stays", TestInputs(1, kInputs)),
      late("late", TestInputs(1, kInputs));
  batcher.Predict(leaves.Call(model, kInputs));
  leaves.cancellation.Cancel();
  EXPECT_EQ(Reason(leaves.status()), "CANCELLED");
  batcher.Predict(stays.Call(model, kInputs));
  const engine::Cancellation past(absl::UnixEpoch());
  PredictCall call = late.Call(model, kInputs);
  call.cancellation = &past;
  batcher.Predict(std::move(call));
  EXPECT_EQ(Reason(late.status()), "DEADLINE_EXCEEDED");
  ASSERT_EQ(loads.size(), 1U) << "one read for all";
  loads.front()();
  EXPECT_TRUE(stays.status().ok()) << stays.status();
  EXPECT_EQ(model->statistics().Get()[0].totals.fail.count, 2U);
}

TEST_F(ColdModelsTest, ABatcherOutlivesAReadThatNobodyWaitsForAnyMore) {
  Kept kept(kNothing);
  const auto model = kept.Create("a");
  kept.Create("b");
  WaitUntilCold(*model);
  std::thread reader;
  Prediction leaves("leaves", TestInputs(1, kInputs));
  {
    Batcher batcher(Options([&](auto load) {
                      reader = std::thread([&leaves, load = std::move(load)] {
                        EXPECT_EQ(Reason(leaves.status()), "CANCELLED");
                        load();
                      });
                    }),
                    &executor_);
    batcher.Predict(leaves.Call(model, kInputs));
    leaves.cancellation.Cancel();
    EXPECT_EQ(Reason(leaves.status()), "CANCELLED");
  }
  reader.join();
}

// --- everything at once ------------------------------------------------------

constexpr int kModels = 4;
constexpr int kSteps = 60;

std::string IdOf(int model) { return absl::StrCat("m", model); }

void Train(Model* model, int steps) {
  for (int i = 0; i < steps; ++i) {
    Answer<TrainReply> answer;
    model->Train(OneStep(&answer));
    const auto reply = answer.Get();
    ASSERT_TRUE(reply.ok()) << reply.status();
    ASSERT_EQ(reply->model_step, i + 1);
  }
}

// Steps never go back, and every answer is finite.
void Predict(Batcher* batcher, const std::vector<std::shared_ptr<Model>>& models,
             const std::atomic<bool>& done) {
  std::vector<int64_t> seen(models.size(), 0);
  for (size_t i = 0; !done; ++i) {
    const size_t which = i % models.size();
    Prediction call("call", TestInputs(3, kInputs));
    batcher->Predict(call.Call(models[which], kInputs));
    ASSERT_TRUE(call.status().ok()) << call.status();
    ASSERT_GE(call.step, seen[which]);
    seen[which] = call.step;
  }
}

// A version is what it was, however often it leaves.
void Publish(Registry* registry, const std::string& id, const std::atomic<bool>& done) {
  while (!done) {
    const auto version = registry->Publish(id, {}, std::nullopt, {});
    ASSERT_TRUE(version.ok()) << version.status();
    const auto model = *registry->Find(id);
    const auto read = model->LoadVersion(version->version.number);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ((*read)->step(), version->version.step);
    ASSERT_TRUE(registry->DeleteVersion(id, version->version.number, {}).ok());
  }
}

// Who reads one that comes and goes reads it, or hears that it is gone.
void ComeAndGo(Registry* registry, const std::atomic<bool>& done) {
  while (!done) {
    ASSERT_TRUE(registry->Create("brief", TestSettings(), {}, {}, {}).ok());
    ASSERT_TRUE(registry->Delete("brief", "", {}).ok());
  }
}
void ReadBrief(Registry* registry, const std::atomic<bool>& done) {
  while (!done) {
    const auto model = registry->Find("brief");
    if (!model.ok()) continue;
    const absl::Status status = (*model)->Load().status();
    ASSERT_TRUE(status.ok() || Reason(status) == "MODEL_NOT_FOUND") << status;
  }
}

TEST_F(ColdModelsTest, NothingIsLostWhenModelsLeaveAndComeBackAllTheTime) {
  Kept kept(kNothing);
  Registry& registry = kept.registry();
  Workers clerks(2);
  std::vector<std::shared_ptr<Model>> models;
  for (int i = 0; i < kModels; ++i) models.push_back(kept.Create(IdOf(i)));
  std::atomic<bool> done{false};
  {
    Batcher batcher(Options([&](auto load) { clerks.Submit(std::move(load)); }), &executor_);
    std::vector<std::thread> trainers, others;
    for (const auto& model : models) trainers.emplace_back(Train, model.get(), kSteps);
    for (int i = 0; i < 2; ++i) others.emplace_back([&] { Predict(&batcher, models, done); });
    others.emplace_back([&] { Publish(&registry, IdOf(0), done); });
    others.emplace_back([&] { ComeAndGo(&registry, done); });
    others.emplace_back([&] { ReadBrief(&registry, done); });
    others.emplace_back([&] {
      while (!done) registry.KeepMemoryBudget();
    });
    for (std::thread& thread : trainers) thread.join();
    done = true;
    for (std::thread& thread : others) thread.join();
  }
  ManualScheduler scheduler;
  const auto undisturbed = MakeModel(&scheduler);
  for (int i = 0; i < kSteps; ++i) {
    Answer<TrainReply> answer;
    undisturbed->Train(OneStep(&answer));
    scheduler.RunAll();
  }
  for (const auto& model : models) {
    EXPECT_EQ(Parameters(**model->Load()), Parameters(*undisturbed));
  }
}

}  // namespace
}  // namespace chainrule::server
