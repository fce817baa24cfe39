#include "server/app/trimmer.h"

#include <atomic>

#include "gtest/gtest.h"

namespace chainrule::server {
namespace {

constexpr int64_t kGrowth = 1'000;

// A process whose figures the test sets; each look at it is counted.
class TrimmerTest : public ::testing::Test {
 protected:
  void WaitForLooks(int more) const {
    const int wanted = looks_ + more;
    while (looks_ < wanted) std::this_thread::yield();
  }

  std::atomic<bool> at_rest_ = false;
  std::atomic<int64_t> resident_ = 5 * kGrowth;
  std::atomic<int> looks_ = 0;
  std::atomic<int> trims_ = 0;
  std::atomic<int> ages_ = 0;
  const Trimmer trimmer_{{.look = absl::Microseconds(100), .growth_bytes = kGrowth},
                         {[this] { return at_rest_.load(); },
                          [this] {
                            ++looks_;
                            return resident_.load();
                          },
                          [this] { ++trims_; }, [this] { ++ages_; }}};
};

TEST_F(TrimmerTest, AgesWheneverItLooks) {
  WaitForLooks(5);
  EXPECT_GE(ages_, 4);
  EXPECT_EQ(trims_, 0);
}

TEST_F(TrimmerTest, TrimsOnceWhenItHasGrownAndIsAtRest) {
  WaitForLooks(2);
  resident_ += kGrowth;
  WaitForLooks(3);
  EXPECT_EQ(trims_, 0) << "calls may need it";
  at_rest_ = true;
  WaitForLooks(5);
  EXPECT_EQ(trims_, 1);
}

TEST_F(TrimmerTest, MeasuresGrowthFromTheLeast) {
  at_rest_ = true;
  WaitForLooks(2);
  resident_ = kGrowth;
  WaitForLooks(2);
  resident_ = 2 * kGrowth - 1;
  WaitForLooks(3);
  EXPECT_EQ(trims_, 0);
  resident_ = 2 * kGrowth;
  WaitForLooks(3);
  EXPECT_EQ(trims_, 1);
}

}  // namespace
}  // namespace chainrule::server
