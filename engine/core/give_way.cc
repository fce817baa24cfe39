#include "engine/core/give_way.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace chainrule::engine {
namespace {

constexpr int kSteps = 10;  // each is a fifth less of a core that is shared
constexpr int kNicest = 19;

// A tile's work, about; a yield costs less than a hundredth of it.
constexpr std::chrono::microseconds kBetweenYields(100);

thread_local bool gives_way = false;

}  // namespace

// With Linux a nice value is a thread's; 0 is the calling one, and the main thread's number is
// the process's. To be nicer needs no privilege, so it does not fail.
void GiveWay() {
  const int main = getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
  setpriority(PRIO_PROCESS, 0, std::min(main + kSteps, kNicest));
  gives_way = true;
}

// Being nice alone does not do: a thread that has a core keeps it for the scheduler's slice, some
// milliseconds, whoever wakes up.
void LetOthersRun() {
  if (!gives_way) return;
  thread_local std::chrono::steady_clock::time_point last;
  const auto now = std::chrono::steady_clock::now();
  if (now - last < kBetweenYields) return;
  last = now;
  sched_yield();
}

}  // namespace chainrule::engine
