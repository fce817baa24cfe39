#include "server/models/snapshot.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

TEST(SnapshotTest, PacksItsWeightsOnceAtTheirFirstUse) {
  ManualScheduler scheduler;
  const auto snapshot = MakeModel(&scheduler)->snapshot();
  EXPECT_EQ(snapshot->memory_bytes(), 0);
  const engine::Predictor* seen[4] = {};
  std::vector<std::thread> threads;
  for (auto& predictor : seen) {
    threads.emplace_back([&] { predictor = &snapshot->predictor(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const engine::Predictor* predictor : seen) EXPECT_EQ(predictor, &snapshot->predictor());
  EXPECT_EQ(snapshot->memory_bytes(), snapshot->predictor().memory_bytes());
  EXPECT_GT(snapshot->memory_bytes(), 0);
}

TEST(SnapshotTest, PackedWeightsCountAsTheModelsMemory) {
  ManualScheduler scheduler;
  const auto model = MakeModel(&scheduler);
  const int64_t before = model->Describe().memory_bytes;
  model->snapshot()->predictor();
  const int64_t packed = model->Describe().memory_bytes - before;
  EXPECT_GE(packed, model->snapshot()->memory_bytes());
  EXPECT_LE(packed, model->snapshot()->memory_bytes() + 1'000) << "of the packed layers' objects";
}

TEST(SettingsTest, ClassesAreCountedByLossAndUnits) {
  engine::NetworkSpec spec = TestSettings()->network;
  EXPECT_EQ(ClassCount(spec), 0) << "regression";
  spec.loss.kind = engine::Loss::kCategoricalCrossEntropy;
  EXPECT_EQ(ClassCount(spec), kOutputs);
  spec.loss.kind = engine::Loss::kBinaryCrossEntropy;
  EXPECT_EQ(ClassCount(spec), kOutputs) << "one-hot";
  spec.multi_label = true;
  EXPECT_EQ(ClassCount(spec), 0) << "each unit decides alone";
  spec.multi_label = false;
  spec.layers.back().units = 1;
  EXPECT_EQ(ClassCount(spec), 2) << "one sigmoid unit";
}

}  // namespace
}  // namespace chainrule::server
