#include "engine/core/give_way.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace chainrule::engine {
namespace {

constexpr int kSteps = 10;  // each is a fifth less of a core that is shared
constexpr int kNicest = 19;

}  // namespace

// With Linux a nice value is a thread's; 0 is the calling one, and the main thread's number is
// the process's. To be nicer needs no privilege, so it does not fail.
void GiveWay() {
  const int main = getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
  setpriority(PRIO_PROCESS, 0, std::min(main + kSteps, kNicest));
}

}  // namespace chainrule::engine
