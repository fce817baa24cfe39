// Highway's targets one at a time, so that a test sees each of those this processor
// has.
#ifndef CHAINRULE_TESTS_ENGINE_KERNELS_TARGETS_H_
#define CHAINRULE_TESTS_ENGINE_KERNELS_TARGETS_H_

#include <cstdint>
#include <vector>

#include "hwy/highway.h"
#include "hwy/targets.h"

namespace chainrule::engine {

// Compiled in and supported here, best first.
inline std::vector<int64_t> Targets() {
  std::vector<int64_t> targets;
  const int64_t usable = hwy::SupportedTargets() & HWY_TARGETS;
  for (int bit = 0; bit < 63; ++bit) {
    if ((usable >> bit & 1) != 0) targets.push_back(int64_t{1} << bit);
  }
  return targets;
}

// While it lives, kernels run on this target.
class OnlyTarget {
 public:
  explicit OnlyTarget(int64_t target) { Use(target); }
  ~OnlyTarget() { Use(0); }
  OnlyTarget(const OnlyTarget&) = delete;
  OnlyTarget& operator=(const OnlyTarget&) = delete;

 private:
  // 0: as if nothing had been set.
  static void Use(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_KERNELS_TARGETS_H_
