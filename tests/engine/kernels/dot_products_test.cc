#include "engine/kernels/dot_products.h"

#include <cmath>
#include <limits>

#include "engine/blas/gemm.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

GuardedMatrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed, int64_t gap = 3) {
  GuardedMatrix matrix(rows, columns, gap, /*offset=*/1);
  matrix.FillRandom(-1.0F, 1.0F, seed);
  return matrix;
}

Matrix Products(ConstMatrixView x, ConstMatrixView w) {
  Matrix z(x.rows, w.rows);
  DotProducts(x, w, z.view());
  return z;
}

using DotProductsTest = KernelTest;

// Sizes around vectors and tiles.
TEST_P(DotProductsTest, AreTheProductThatTheDefinitionSays) {
  for (const int64_t inputs : {1, 3, 4, 8, 15, 16, 17, 33, 128, 300}) {
    for (const int64_t units : {1, 3, 4, 5, 10}) {
      for (const int64_t rows : {1, 2, 3, 4, 5, 9}) {
        const GuardedMatrix x = RandomMatrix(rows, inputs, 1);
        const GuardedMatrix w = RandomMatrix(units, inputs, 2);
        GuardedMatrix z(rows, units, 2, 3);
        Matrix expected(rows, units);
        DotProducts(x.view(), w.view(), z.view());
        NaiveGemm(Transpose::kNo, Transpose::kYes, 1.0F, x.view(), w.view(), 0.0F, expected.view());
        ASSERT_TRUE(z.IsIntact()) << rows << " x " << units << " x " << inputs;
        for (int64_t i = 0; i < rows; ++i) {
          for (int64_t j = 0; j < units; ++j) {
            ASSERT_NEAR(z(i, j), expected(i, j), static_cast<double>(inputs + 4) * 0x1p-24)
                << rows << " x " << units << " x " << inputs;
          }
        }
      }
    }
  }
}

TEST_P(DotProductsTest, OutputIsTheSameInAnyBatchAndTile) {
  const GuardedMatrix x = RandomMatrix(11, 150, 1);
  const GuardedMatrix w = RandomMatrix(13, 150, 2);
  const Matrix whole = Products(x.view(), w.view());
  for (int64_t i = 0; i < 11; ++i) {
    for (int64_t j = 0; j < 13; ++j) {
      const Matrix alone = Products(x.view().Rows(i, 1), w.view().Rows(j, 1));
      ASSERT_EQ(alone(0, 0), whole(i, j)) << i << ", " << j;
    }
  }
}

TEST_P(DotProductsTest, InfinityInOneRowStaysInIt) {
  GuardedMatrix x = RandomMatrix(6, 33, 1);
  x(2, 30) = std::numeric_limits<float>::infinity();
  const Matrix z = Products(x.view(), RandomMatrix(5, 33, 2).view());
  for (int64_t i = 0; i < 6; ++i) {
    for (const float element : z.view().row(i)) EXPECT_EQ(std::isinf(element), i == 2);
  }
}

TEST_P(DotProductsTest, NoRowsAreNoWork) {
  EXPECT_EQ(Products(Matrix(0, 3).view(), Matrix(5, 3).view()).rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, DotProductsTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
