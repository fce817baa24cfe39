// What tests of stores share: a small network and its numbers, and each kind of store,
// which can be closed and opened again.
#ifndef CHAINRULE_TESTS_SERVER_STORE_STORES_H_
#define CHAINRULE_TESTS_SERVER_STORE_STORES_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "server/store/folder_store.h"
#include "server/store/memory_store.h"
#include "server/store/store.h"

namespace chainrule::server {

// Two layers whose runs leave gaps in the block, with two arrays of optimizer state.
inline engine::Network TestNetwork(int64_t hidden = 3) {
  engine::NetworkSpec spec;
  spec.input_width = 5;
  spec.layers.resize(2);
  spec.layers[0].units = hidden;
  spec.layers[1].units = 2;
  spec.optimizer.kind = engine::OptimizerKind::kAdam;
  return engine::Network(spec);
}

// Numbers that tell their place, all different for different `salt`.
inline engine::ModelState TestState(const engine::Network& network, float salt = 0) {
  engine::Normalization normalization;
  normalization.inputs = {{1, 2, 3, 4, 5 + salt}, {1, 1, 2, 2, 3}};
  engine::ModelState state = engine::InitialState(network, normalization);
  auto optimizer = std::make_shared<engine::AlignedBuffer>(state.optimizer->size());
  for (size_t array = 0; array < 2; ++array) {
    const auto block = static_cast<size_t>(network.block_size());
    const std::span<float> part = optimizer->span().subspan(array * block, block);
    for (int64_t layer = 0; layer < network.layer_count(); ++layer) {
      for (int64_t unit = 0; unit < network.layer_units(layer); ++unit) {
        const float value =
            salt + static_cast<float>(100 * array + 10 * static_cast<size_t>(layer));
        network.bias(part, layer)[static_cast<size_t>(unit)] = value + static_cast<float>(unit);
        network.weights(part, layer).row(unit)[0] = -value;
      }
    }
  }
  state.optimizer = std::move(optimizer);
  state.step = 41;
  state.optimizer_steps = 40;
  return state;
}

inline Checkpoint TestCheckpoint(const engine::Network& network, float salt = 0) {
  return {TestState(network, salt), std::string("win\0dow", 7), {{"learning_rate", "0.25"}}};
}

inline void ExpectSameState(const engine::ModelState& a, const engine::ModelState& b) {
  const auto numbers = [](const engine::AlignedBuffer& buffer) {
    return std::vector<float>(buffer.span().begin(), buffer.span().end());
  };
  EXPECT_EQ(numbers(*a.parameters), numbers(*b.parameters));
  EXPECT_EQ(numbers(*a.optimizer), numbers(*b.optimizer));
  EXPECT_EQ(a.normalization->inputs.mean, b.normalization->inputs.mean);
  EXPECT_EQ(a.normalization->inputs.scale, b.normalization->inputs.scale);
  EXPECT_EQ(a.normalization->targets.mean, b.normalization->targets.mean);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.optimizer_steps, b.optimizer_steps);
}

inline ModelFacts NamedModel(const std::string& uid, const std::string& id) {
  ModelFacts facts;
  facts.uid = uid;
  facts.id = id;
  return facts;
}

// A place where a store's data outlive the store.
class StoreKind {
 public:
  virtual ~StoreKind() = default;
  // Ends the store that was opened before, not in order, and opens the data again.
  virtual Store& Open() = 0;
};

class MemoryKind : public StoreKind {
 public:
  Store& Open() override { return store_; }

 private:
  MemoryStore store_;
};

// A data folder on the disk, or on another file system but for the lock.
class FolderKind : public StoreKind {
 public:
  explicit FolderKind(FileSystem* files = &PosixFileSystem()) : files_(files) {
    const testing::TestInfo* const test = testing::UnitTest::GetInstance()->current_test_info();
    options_.folder = absl::StrCat(testing::TempDir(), "/", test->test_suite_name(), "-",
                                   test->name(), "-", getpid());
    std::replace(options_.folder.begin() + static_cast<std::ptrdiff_t>(testing::TempDir().size()),
                 options_.folder.end(), '/', '_');
    options_.boot_id = "boot-1";
    std::filesystem::remove_all(options_.folder);
    std::filesystem::create_directories(options_.folder);
  }
  ~FolderKind() override {
    store_.reset();
    std::filesystem::remove_all(options_.folder);
  }
  FolderKind(const FolderKind&) = delete;
  FolderKind& operator=(const FolderKind&) = delete;

  Store& Open() override {
    absl::StatusOr<FolderStore*> store = TryOpen();
    EXPECT_TRUE(store.ok()) << store.status();
    return **store;
  }
  absl::StatusOr<FolderStore*> TryOpen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<FolderStore>> store = FolderStore::Open(options_, files_);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return store_.get();
  }
  void End() { store_.reset(); }

  FolderStore& store() { return *store_; }  // the one that is open
  FolderStore::Options& options() { return options_; }
  const std::string& path() const { return options_.folder; }

 private:
  FileSystem* const files_;
  FolderStore::Options options_;
  std::unique_ptr<FolderStore> store_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_TESTS_SERVER_STORE_STORES_H_
