#include "engine/core/checked_math.h"

#include <limits>

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int64_t kSmallest = std::numeric_limits<int64_t>::min();

TEST(CheckedMathTest, ProductsThatFitAreExact) {
  EXPECT_EQ(CheckedMultiply(3, -7), -21);
  EXPECT_EQ(CheckedMultiply(kLargest, 1), kLargest);
  EXPECT_EQ(CheckedMultiply(kLargest, 0), 0);
}

TEST(CheckedMathTest, ProductsThatWrapAreNothing) {
  EXPECT_EQ(CheckedMultiply(int64_t{1} << 32, int64_t{1} << 31), std::nullopt);
  EXPECT_EQ(CheckedMultiply(int64_t{1} << 32, int64_t{1} << 32), std::nullopt);  // wraps to 0
  EXPECT_EQ(CheckedMultiply(kSmallest, -1), std::nullopt);
}

TEST(CheckedMathTest, SumsThatWrapAreNothing) {
  EXPECT_EQ(CheckedAdd(kLargest, -1), kLargest - 1);
  EXPECT_EQ(CheckedAdd(kLargest, 1), std::nullopt);
  EXPECT_EQ(CheckedAdd(kSmallest, -1), std::nullopt);
}

}  // namespace
}  // namespace chainrule::engine
