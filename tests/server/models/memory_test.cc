// What models say they take, against what the process gave out for them.
#include <malloc.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/models/registry.h"
#include "tests/server/models/test_models.h"

namespace chainrule::server {
namespace {

double AllocatedBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

std::shared_ptr<ModelSettings> SettingsOf(int layers, int64_t units) {
  auto settings = TestSettings();
  std::vector<engine::LayerSpec>& spec = settings->network.layers;
  spec.insert(spec.begin(), static_cast<size_t>(layers), spec.front());
  for (engine::LayerSpec& layer : spec) layer.units = units;
  return settings;
}

// Creates models, compares, deletes them and compares again.
void ExpectTrue(int count, int layers, int64_t units) {
  ManualScheduler scheduler;
  Registry registry(Limits(), &scheduler);
  const double before = AllocatedBytes();
  double told = 0;
  for (int i = 0; i < count; ++i) {
    const auto created =
        registry.Create(absl::StrCat("m", i), SettingsOf(layers, units), {}, {}, {});
    told += static_cast<double>(created->model.memory_bytes);
  }
  EXPECT_NEAR(told / (AllocatedBytes() - before), 1.0, 0.1) << told << " bytes were told";
  for (int i = 0; i < count; ++i) ASSERT_TRUE(registry.Delete(absl::StrCat("m", i), "", {}).ok());
  EXPECT_NEAR((AllocatedBytes() - before) / told, 0.0, 0.01) << "given back";
}

TEST(MemoryTest, ThousandSmallModelsTakeWhatTheySay) { ExpectTrue(1'000, 0, 4); }

TEST(MemoryTest, ThousandDeepModelsTakeWhatTheySay) { ExpectTrue(1'000, 10, 2); }

TEST(MemoryTest, LargeModelTakesWhatItSays) { ExpectTrue(1, 2, 2'000); }

}  // namespace
}  // namespace chainrule::server
