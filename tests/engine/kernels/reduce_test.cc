#include "engine/kernels/reduce.h"

#include <cmath>
#include <limits>
#include <vector>

#include "engine/kernels/reduce_scalar.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

class ReduceTest : public KernelTest {};

TEST_P(ReduceTest, ColumnSumsMatchTheScalarTwinAtEveryShape) {
  for (const int64_t rows : {0, 1, 5, 128, 129, 300}) {
    for (const int64_t columns : {1, 3, 10, 16, 17, 127, 128, 129, 300}) {
      for (const int64_t gap : {0, 3}) {
        GuardedMatrix x(rows, columns, gap, 1);
        GuardedMatrix sums(1, columns, 0, 3);
        x.FillRandom(-1, 1, 1);
        sums.FillRandom(-1, 1, 2);
        GuardedMatrix expected(1, columns, 0, 0);
        expected.FillRandom(-1, 1, 2);
        ColumnSums(0.5F, x.view(), 2.0F, sums.view().row(0));
        scalar::ColumnSums(0.5F, x.view(), 2.0F, expected.view().row(0));
        ASSERT_TRUE(sums.IsIntact());
        for (int64_t j = 0; j < columns; ++j) {
          ASSERT_NEAR(sums(0, j), expected(0, j), 1e-5) << rows << " × " << columns;
        }
      }
    }
  }
}

TEST_P(ReduceTest, ColumnSumsWithBetaZeroDoNotLookAtTheOldSums) {
  for (const int64_t columns : {1, 16, 200}) {
    GuardedMatrix x(3, columns, 0, 0);
    x.Fill([](int64_t i, int64_t) { return static_cast<float>(i); });
    std::vector<float> sums(static_cast<size_t>(columns), std::nanf(""));
    ColumnSums(2.0F, x.view(), 0.0F, sums);
    for (const float sum : sums) EXPECT_EQ(sum, 6.0F);
  }
}

TEST_P(ReduceTest, ColumnSumsOfNoRowsOnlyScale) {
  std::vector<float> sums(5, 3.0F);
  ColumnSums(1.0F, ConstMatrixView(nullptr, 0, 5), 2.0F, sums);
  for (const float sum : sums) EXPECT_EQ(sum, 6.0F);
  ColumnSums(1.0F, ConstMatrixView(nullptr, 0, 5), 0.0F, sums);
  for (const float sum : sums) EXPECT_EQ(sum, 0.0F);
}

TEST_P(ReduceTest, AColumnsSumHasTheSameBitsInAnyMatrix) {
  GuardedMatrix wide(200, 150, 3, 1);
  wide.FillRandom(-1, 1, 1);
  std::vector<float> sums(150);
  ColumnSums(0.25F, wide.view(), 0.0F, sums);
  for (int64_t j = 0; j < 150; ++j) {
    float alone = 0;
    ColumnSums(0.25F, wide.view().Block(0, j, 200, 1), 0.0F, {&alone, 1});
    EXPECT_TRUE(SameBits({&alone, 1}, {&sums[static_cast<size_t>(j)], 1})) << j;
  }
}

TEST_P(ReduceTest, ScaleRowsIsExact) {
  ForEachShape([](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
    GuardedMatrix x(rows, columns, gap, offset);
    GuardedMatrix twin(rows, columns, gap, offset);
    x.FillRandom(-3, 3, 1);
    twin.FillRandom(-3, 3, 1);
    const auto weights = RandomValues(static_cast<size_t>(rows), 0, 2);
    ScaleRows(weights, x.view());
    scalar::ScaleRows(weights, twin.view());
    ASSERT_TRUE(x.IsIntact());
    ASSERT_TRUE(SameBits(x.view(), twin.view()));
  });
}

TEST_P(ReduceTest, SquaredNormMatchesTheScalarTwinAtEveryShape) {
  ForEachShape([](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
    GuardedMatrix x(rows, columns, gap, offset);
    x.FillRandom(-3, 3, 1);
    const double expected = scalar::SquaredNorm(x.view());
    ASSERT_NEAR(SquaredNorm(x.view()), expected, 1e-12 * expected);
  });
}

TEST_P(ReduceTest, SquaredNormNeitherOverflowsNorUnderflowsAFloat) {
  const std::vector<float> large(50, 1e30F);
  EXPECT_NEAR(SquaredNorm(large), 50e60, 1e56);
  const std::vector<float> small(50, 1e-30F);
  EXPECT_NEAR(SquaredNorm(small), 50e-60, 1e-64);
}

TEST_P(ReduceTest, SquaredNormIsNotFiniteIfAnElementIsNot) {
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    for (const size_t place : {0, 7, 36}) {
      std::vector<float> x(37, 1.0F);
      x[place] = bad;
      EXPECT_FALSE(std::isfinite(SquaredNorm(x)));
    }
  }
}

TEST_P(ReduceTest, SumsHaveTheSameBitsWithAndWithoutGaps) {
  for (const int64_t columns : {1, 7, 16, 33, 100}) {
    GuardedMatrix dense(9, columns, 0, 0);
    GuardedMatrix strided(9, columns, 5, 3);
    dense.FillRandom(-1, 1, 1);
    strided.FillRandom(-1, 1, 1);
    EXPECT_EQ(SquaredNorm(dense.view()), SquaredNorm(strided.view()));
    GuardedMatrix gradient(9, columns, 0, 0);
    EXPECT_EQ(AddPenalty(0.1F, 0.2F, dense.view(), gradient.view()),
              AddPenalty(0.1F, 0.2F, strided.view(), gradient.view()));
  }
}

TEST_P(ReduceTest, FindNonFiniteNamesTheFirstByRows) {
  for (const int64_t gap : {0, 3}) {
    for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
      GuardedMatrix x(5, 37, gap, 1);
      EXPECT_FALSE(FindNonFinite(x.view()).has_value());
      for (int64_t place = 5 * 37 - 1; place >= 0; --place) {
        x(place / 37, place % 37) = bad;
        const auto found = FindNonFinite(x.view());
        ASSERT_TRUE(found.has_value());
        ASSERT_EQ(found->row, place / 37);
        ASSERT_EQ(found->column, place % 37);
      }
    }
  }
}

TEST_P(ReduceTest, FindNonFiniteLooksAtAllOfALargeMatrix) {
  GuardedMatrix x(100, 173, 0, 1);
  x.Fill([](int64_t, int64_t) { return std::numeric_limits<float>::max(); });
  EXPECT_FALSE(FindNonFinite(x.view()).has_value());
  x(99, 172) = HUGE_VALF;
  const auto found = FindNonFinite(x.view());
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->row, 99);
  EXPECT_EQ(found->column, 172);
  EXPECT_FALSE(FindNonFinite(ConstMatrixView(nullptr, 0, 4)).has_value());
}

TEST_P(ReduceTest, AddPenaltyMatchesTheScalarTwinAtEveryShape) {
  ForEachShape([](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
    GuardedMatrix w(rows, columns, gap, offset);
    GuardedMatrix gradient(rows, columns, gap, offset);
    GuardedMatrix twin(rows, columns, 0, 0);
    w.FillRandom(-1, 1, 1);
    if (columns > 2) w(0, 2) = 0;
    gradient.FillRandom(-1, 1, 2);
    twin.FillRandom(-1, 1, 2);
    const double penalty = AddPenalty(0.1F, 0.3F, w.view(), gradient.view());
    const double expected = scalar::AddPenalty(0.1F, 0.3F, w.view(), twin.view());
    ASSERT_TRUE(gradient.IsIntact());
    ASSERT_NEAR(penalty, expected, 1e-12 * expected);
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) ASSERT_NEAR(gradient(i, j), twin(i, j), 2e-7);
    }
  });
}

TEST_P(ReduceTest, AddPenaltysGradientIsThePenaltysDerivative) {
  constexpr float kStep = 0.01F;
  for (const float w : {-0.7F, 0.4F}) {
    float gradient = 0;
    AddPenalty(0.1F, 0.3F, {&w, 1, 1}, {&gradient, 1, 1});
    float unused = 0;
    const float above = w + kStep;
    const float below = w - kStep;
    const double difference = (AddPenalty(0.1F, 0.3F, {&above, 1, 1}, {&unused, 1, 1}) -
                               AddPenalty(0.1F, 0.3F, {&below, 1, 1}, {&unused, 1, 1})) /
                              (2 * static_cast<double>(kStep));
    EXPECT_NEAR(static_cast<double>(gradient), difference, 1e-5);
  }
}

TEST_P(ReduceTest, AddPenaltyOfNothingTouchesNothing) {
  const float w = std::nanf("");
  float gradient = 1;
  EXPECT_EQ(AddPenalty(0, 0, {&w, 1, 1}, {&gradient, 1, 1}), 0);
  EXPECT_EQ(gradient, 1.0F);
}

INSTANTIATE_TEST_SUITE_P(Targets, ReduceTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
