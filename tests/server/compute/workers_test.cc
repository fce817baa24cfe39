#include "server/compute/workers.h"

#include <memory>
#include <numeric>
#include <vector>

#include "engine/core/mutex.h"
#include "gtest/gtest.h"

namespace chainrule::server {
namespace {

TEST(WorkersTest, OneThreadRunsWorkInTheOrderItCame) {
  std::vector<int> ran;
  {
    Workers workers(1);
    for (int i = 0; i < 100; ++i) {
      workers.Submit([&ran, i] { ran.push_back(i); });
    }
  }
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(ran, expected);
}

TEST(WorkersTest, ThreadsWorkBesideEachOther) {
  engine::Mutex mutex;
  engine::CondVar changed;
  int inside = 0;
  Workers workers(3);
  // Each waits for the others: that ends only if all three run at once.
  for (int i = 0; i < 3; ++i) {
    workers.Submit([&] {
      engine::MutexLock lock(&mutex);
      ++inside;
      changed.NotifyAll();
      while (inside < 3) changed.Wait(&mutex);
    });
  }
  engine::MutexLock lock(&mutex);
  while (inside < 3) changed.Wait(&mutex);
  EXPECT_EQ(inside, 3);
}

TEST(WorkersTest, WorkIsReleasedOnceItRan) {
  const auto held = std::make_shared<int>();
  {
    Workers workers(1);
    workers.Submit([held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace chainrule::server
