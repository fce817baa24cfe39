// KeptModels: a registry on a MemoryStore, which can be ended as a crash ends it and
// begun anew on what the store has.
#ifndef CHAINRULE_TESTS_SERVER_MODELS_KEPT_MODELS_H_
#define CHAINRULE_TESTS_SERVER_MODELS_KEPT_MODELS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/models/registry.h"
#include "server/store/memory_store.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {

class KeptModels {
 public:
  explicit KeptModels(const Limits& limits = Limits(), Keeper::Options options = {})
      : limits_(limits),
        options_(std::move(options)),
        store_(MemoryStore::Options{.sync = !options_.relaxed}) {
    Start();
  }

  // The process ends here, and another one begins. With `replayed` it has read all back.
  void Crash(bool replayed = true) {
    registry_.reset();
    scheduler_.emplace();
    if (options_.relaxed) store_.LoseUnsynced();
    Start();
    if (replayed) registry_->WaitForRecovery();
  }
  // The same after an end in order.
  void Restart() {
    RunAll();
    registry_->Stop();
    EXPECT_TRUE(registry_->Close().ok());
    registry_.reset();
    scheduler_.emplace();
    Start();
  }

  std::shared_ptr<Model> Create(const std::string& id,
                                std::shared_ptr<const ModelSettings> settings = TestSettings()) {
    const auto created = registry_->Create(id, std::move(settings), {}, {}, {});
    EXPECT_TRUE(created.ok()) << created.status();
    return Find(id);
  }
  std::shared_ptr<Model> Find(const std::string& id) {
    const auto model = registry_->Find(id);
    EXPECT_TRUE(model.ok()) << model.status();
    return *model;
  }
  // One step on all rows; waits for the answer.
  absl::StatusOr<TrainReply> Step(const std::string& id, const std::string& request_id = "") {
    Answer<TrainReply> answer;
    Find(id)->Train(OneStep(&answer, request_id));
    RunAll();
    return answer.Get();
  }
  std::vector<float> ParametersOf(const std::string& id) {
    const auto snapshot = Find(id)->Load();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    return Parameters(**snapshot);
  }

  void RunAll() { scheduler_->RunAll(); }
  void RunOne() { scheduler_->RunOne(); }
  Registry& registry() { return *registry_; }
  MemoryStore& store() { return store_; }
  // What was told of inexact replays, and of damage; to be read when nothing waits to be replayed.
  const std::vector<InexactReplay>& inexact() const { return inexact_; }
  const std::vector<std::string>& damage() const { return damage_; }
  void set_limits(const Limits& limits) { limits_ = limits; }
  void set_checkpoints(Checkpointer::Options options) { checkpoints_ = options; }
  // Takes effect at the next Crash or Restart.
  void set_memory(Unloader::Options options) { memory_ = options; }
  void set_numerics(std::string numerics) { options_.numerics = std::move(numerics); }

 private:
  void Start() {
    Registry::Keeping keeping;
    keeping.store = &store_;
    keeping.executor = &executor_;
    keeping.keeper = options_;
    keeping.retry_interval = absl::Milliseconds(1);
    keeping.checkpoints = checkpoints_;
    keeping.memory = memory_;
    registry_.emplace(limits_, &*scheduler_, keeping);
    registry_->SetInexactListener(
        [this](const InexactReplay& replay) { inexact_.push_back(replay); });
    registry_->SetDamageListener([this](const std::string& what) { damage_.push_back(what); });
    const absl::Status opened = registry_->Open();
    ASSERT_TRUE(opened.ok()) << opened;
  }

  Limits limits_;
  Keeper::Options options_;
  Checkpointer::Options checkpoints_;
  Unloader::Options memory_;
  std::vector<InexactReplay> inexact_;
  std::vector<std::string> damage_;
  engine::Executor executor_{1};
  MemoryStore store_;
  std::optional<ManualScheduler> scheduler_{std::in_place};
  std::optional<Registry> registry_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SERVER_MODELS_KEPT_MODELS_H_
