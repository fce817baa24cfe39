#include "engine/core/give_way.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "engine/core/executor.h"

namespace chainrule::engine {
namespace {

// The calling thread's; the main thread's with the process's number.
int NiceOf(id_t thread = 0) { return getpriority(PRIO_PROCESS, thread); }

int Lower() { return std::min(NiceOf(static_cast<id_t>(getpid())) + 10, 19); }

TEST(GiveWayTest, LowersThatThreadAndThoseItStartsAlone) {
  const int before = NiceOf();
  std::thread([] {
    GiveWay();
    EXPECT_EQ(NiceOf(), Lower());
    std::thread([] { EXPECT_EQ(NiceOf(), Lower()); }).join();
    GiveWay();
    EXPECT_EQ(NiceOf(), Lower());
  }).join();
  EXPECT_EQ(NiceOf(), before);
}

// The nice value of a worker of an executor, seen in tasks that wait for one another.
int NiceOfAWorker(Executor::Priority priority) {
  const Executor executor(2, priority);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> here = 0;
  std::atomic<int> nice = -1;
  executor.ParallelFor(2, [&](int64_t) {
    ++here;
    while (here < 2) std::this_thread::yield();
    if (std::this_thread::get_id() != caller) nice = NiceOf();
  });
  return nice;
}

TEST(GiveWayTest, WorkersOfALowExecutorDo) {
  const int before = NiceOf();
  EXPECT_EQ(NiceOfAWorker(Executor::Priority::kNormal), before);
  EXPECT_EQ(NiceOfAWorker(Executor::Priority::kLow), Lower());
  EXPECT_EQ(NiceOf(), before);
}

}  // namespace
}  // namespace chainrule::engine
