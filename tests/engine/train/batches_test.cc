#include "engine/train/batches.h"

#include <algorithm>
#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

std::vector<int64_t> Shuffled(int64_t rows, int64_t seed, int64_t key) {
  std::vector<int64_t> order(static_cast<size_t>(rows));
  std::iota(order.begin(), order.end(), int64_t{0});
  Shuffle(seed, key, order);
  return order;
}

TEST(ShuffleTest, IsAPermutation) {
  for (const int64_t rows : {0, 1, 2, 3, 100, 5'000}) {
    std::vector<int64_t> order = Shuffled(rows, 1, 2);
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < rows; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
  }
}

TEST(ShuffleTest, DependsOnSeedAndKeyAlone) {
  EXPECT_EQ(Shuffled(100, 1, 2), Shuffled(100, 1, 2));
  EXPECT_NE(Shuffled(100, 1, 2), Shuffled(100, 1, 3));
  EXPECT_NE(Shuffled(100, 1, 2), Shuffled(100, 2, 2));
}

TEST(ShuffleTest, EveryOrderComesAboutEquallyOften) {
  std::vector<int> counts(24);
  constexpr int kDraws = 24'000;
  for (int key = 0; key < kDraws; ++key) {
    std::vector<int64_t> order = Shuffled(4, 7, key);
    size_t number = 0;  // of the permutation, in the factorial number system
    for (size_t i = 0; i < 4; ++i) {
      const auto smaller = std::count_if(order.begin() + static_cast<int64_t>(i), order.end(),
                                         [&](int64_t other) { return other < order[i]; });
      number = number * (4 - i) + static_cast<size_t>(smaller);
    }
    ++counts[number];
  }
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_squared, 60) << "23 degrees of freedom: 49.7 is the 0.1 % point";
}

TEST(SplitRowsTest, PartsAreDisjointAndCoverAllRows) {
  const RowSplit split = SplitRows(1, 0, 101, 0.3);
  EXPECT_EQ(split.validation.size(), 30U);
  std::vector<int64_t> all = split.training;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(all.size(), 101U);
  for (int64_t i = 0; i < 101; ++i) EXPECT_EQ(all[static_cast<size_t>(i)], i);
  EXPECT_TRUE(std::is_sorted(split.training.begin(), split.training.end()));
  EXPECT_TRUE(std::is_sorted(split.validation.begin(), split.validation.end()));
}

TEST(SplitRowsTest, DependsOnSeedAndStep) {
  EXPECT_EQ(SplitRows(1, 0, 100, 0.3).validation, SplitRows(1, 0, 100, 0.3).validation);
  EXPECT_NE(SplitRows(1, 0, 100, 0.3).validation, SplitRows(2, 0, 100, 0.3).validation);
  EXPECT_NE(SplitRows(1, 0, 100, 0.3).validation, SplitRows(1, 5, 100, 0.3).validation);
}

TEST(SplitRowsTest, KeepsOneRowForEachSideWhereItCan) {
  EXPECT_EQ(SplitRows(1, 0, 10, 0.001).validation.size(), 1U);
  EXPECT_EQ(SplitRows(1, 0, 10, 0.999).training.size(), 1U);
  EXPECT_EQ(SplitRows(1, 0, 1, 0.5).training.size(), 1U);
  EXPECT_TRUE(SplitRows(1, 0, 10, 0.0).validation.empty());
}

}  // namespace
}  // namespace chainrule::engine
