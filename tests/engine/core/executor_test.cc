#include "engine/core/executor.h"

#include <atomic>
#include <thread>
#include <vector>

#include "engine/core/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

using ::testing::Each;

// Calls of each index of one ParallelFor.
std::vector<int> Calls(const Executor& executor, int64_t count) {
  std::vector<std::atomic<int>> calls(static_cast<size_t>(count));
  executor.ParallelFor(count, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
  return {calls.begin(), calls.end()};
}

// Gathering: lets `wanted` threads pass once all of them are inside at once.
class Gathering {
 public:
  explicit Gathering(int wanted) : wanted_(wanted) {}

  // False if the others did not come.
  bool Meet() {
    const MutexLock lock(&mutex_);
    if (++arrived_ == wanted_) complete_.NotifyAll();
    while (arrived_ < wanted_) {
      if (!complete_.WaitFor(&mutex_, absl::Seconds(20))) return false;
    }
    return true;
  }

 private:
  const int wanted_;
  Mutex mutex_;
  CondVar complete_;
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
};

class ExecutorThreadsTest : public testing::TestWithParam<int> {};

TEST_P(ExecutorThreadsTest, RunsEachIndexOnce) {
  const Executor executor(GetParam());
  EXPECT_EQ(executor.threads(), GetParam());
  for (int64_t count : {0, 1, 2, 3, 7, 64, 10'000}) {
    EXPECT_THAT(Calls(executor, count), Each(1)) << count;
  }
}

TEST_P(ExecutorThreadsTest, RunsEachIndexOnceForSeveralCallersAtOnce) {
  const Executor executor(GetParam(), Executor::Priority::kHigh);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) EXPECT_THAT(Calls(executor, 97), Each(1));
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_P(ExecutorThreadsTest, LoopsInsideRunAndInsideTasksFinish) {
  const Executor executor(GetParam());
  std::atomic<int> calls = 0;
  executor.Run([&] {
    executor.ParallelFor(5, [&](int64_t) { executor.ParallelFor(7, [&](int64_t) { ++calls; }); });
  });
  EXPECT_EQ(calls, 35);
}

TEST_P(ExecutorThreadsTest, AllItsThreadsWorkAtOnce) {
  const Executor executor(GetParam());
  Gathering gathering(GetParam());
  executor.ParallelFor(GetParam(), [&](int64_t) { EXPECT_TRUE(gathering.Meet()); });
}

TEST_P(ExecutorThreadsTest, ResultsOfTasksAreSeenByTheCaller) {
  const Executor executor(GetParam());
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> squares(33);
    executor.ParallelFor(33, [&](int64_t i) { squares[static_cast<size_t>(i)] = i * i; });
    for (int64_t i = 0; i < 33; ++i) ASSERT_EQ(squares[static_cast<size_t>(i)], i * i);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ExecutorThreadsTest, testing::Values(1, 2, 3, 8));

TEST(ExecutorTest, OneTaskAndOneThreadRunOnTheCaller) {
  const auto caller = std::this_thread::get_id();
  Executor(3).ParallelFor(1, [&](int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
  Executor(1).ParallelFor(9, [&](int64_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(ExecutorDeathTest, RefusesToHaveNoThreads) { EXPECT_DEATH(Executor(0), "threads >= 1"); }

}  // namespace
}  // namespace chainrule::engine
