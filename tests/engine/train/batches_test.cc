#include "engine/train/batches.h"

#include <algorithm>
#include <cmath>
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

std::vector<int64_t> ListOf(const std::unique_ptr<const RowOrder>& order) {
  std::vector<int64_t> rows(static_cast<size_t>(order->size()));
  order->Copy(0, rows);
  return rows;
}

// What a rule draws instead of a list.
constexpr int64_t kAlwaysListed = kMaxListedRows;
constexpr int64_t kNeverListed = 0;

TEST(ShuffledRowsTest, AreAPermutationAsListAndAsRule) {
  for (const int64_t rows : {1, 2, 3, 100, 4'097, 70'000}) {
    for (const int64_t max_listed : {kAlwaysListed, kNeverListed}) {
      std::vector<int64_t> order = ListOf(ShuffledRows(1, 2, AllRows(rows), max_listed));
      EXPECT_EQ(order, ListOf(ShuffledRows(1, 2, AllRows(rows), max_listed)));
      if (rows > 50) {
        EXPECT_NE(order, ListOf(ShuffledRows(1, 3, AllRows(rows), max_listed)));
      }
      std::sort(order.begin(), order.end());
      for (int64_t i = 0; i < rows; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
    }
  }
}

TEST(ShuffledRowsTest, ARuleLeavesNoTraceOfTheOrderBefore) {
  constexpr int64_t kRows = 100'000;
  constexpr int64_t kCells = 10;
  const std::vector<int64_t> order = ListOf(ShuffledRows(5, 9, AllRows(kRows), kNeverListed));
  std::vector<int> counts(kCells * kCells);
  int risen = 0;
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t row = order[static_cast<size_t>(i)];
    ++counts[static_cast<size_t>(i * kCells / kRows * kCells + row * kCells / kRows)];
    if (i > 0 && row > order[static_cast<size_t>(i - 1)]) ++risen;
  }
  double chi_squared = 0;
  for (const int count : counts) chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_squared, 127) << "81 degrees of freedom: 126.1 is the 0.1 % point";
  EXPECT_NEAR(risen, kRows / 2, 500);  // its deviation is √(n/12), 91
}

TEST(SplitRowsTest, PartsAreDisjointRiseAndCoverAllRows) {
  for (const int64_t max_listed : {kAlwaysListed, kNeverListed}) {
    for (const int64_t rows : {101, 64, 40'000}) {
      const RowSplit split = SplitRows(1, rows, 0.3, max_listed);
      const std::vector<int64_t> validation = ListOf(split.validation);
      std::vector<int64_t> all = ListOf(split.training);
      EXPECT_EQ(split.validation->size(), std::llround(0.3 * static_cast<double>(rows)));
      EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
      EXPECT_TRUE(std::is_sorted(validation.begin(), validation.end()));
      all.insert(all.end(), validation.begin(), validation.end());
      std::sort(all.begin(), all.end());
      ASSERT_EQ(static_cast<int64_t>(all.size()), rows);
      for (int64_t i = 0; i < rows; ++i) ASSERT_EQ(all[static_cast<size_t>(i)], i);
    }
  }
}

TEST(SplitRowsTest, AnyPartOfAnOrderIsCopied) {
  constexpr int64_t kRows = 20'000;
  const RowSplit split = SplitRows(1, kRows, 0.01, kNeverListed);
  for (const auto* order : {&split.training, &split.validation}) {
    const std::vector<int64_t> all = ListOf(*order);
    for (size_t first = 0; first < all.size(); first += 37) {
      std::vector<int64_t> part(std::min<size_t>(11, all.size() - first));
      (*order)->Copy(static_cast<int64_t>(first), part);
      ASSERT_THAT(part, testing::ElementsAreArray(all.data() + first, part.size()));
    }
  }
}

TEST(SplitRowsTest, DependsOnTheSeed) {
  for (const int64_t max_listed : {kAlwaysListed, kNeverListed}) {
    const auto drawn = [max_listed](int64_t seed) {
      return ListOf(SplitRows(seed, 100, 0.3, max_listed).validation);
    };
    EXPECT_EQ(drawn(1), drawn(1));
    EXPECT_NE(drawn(1), drawn(2));
  }
}

TEST(SplitRowsTest, KeepsOneRowForEachSideWhereItCan) {
  EXPECT_EQ(SplitRows(1, 10, 0.001).validation->size(), 1);
  EXPECT_EQ(SplitRows(1, 10, 0.999).training->size(), 1);
  EXPECT_EQ(SplitRows(1, 1, 0.5).training->size(), 1);
  EXPECT_EQ(SplitRows(1, 10, 0.0).validation->size(), 0);
}

}  // namespace
}  // namespace chainrule::engine
