#include "engine/kernels/direct_product.h"

#include <limits>

#include "engine/blas/gemm.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

GuardedMatrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed) {
  GuardedMatrix matrix(rows, columns, /*gap=*/3, /*offset=*/1);
  matrix.FillRandom(-1.0F, 1.0F, seed);
  return matrix;
}

Matrix Product(ConstMatrixView a, ConstMatrixView b) {
  Matrix c(a.rows, b.columns);
  DirectProduct(1.0F, a, b, 0.0F, c.view());
  return c;
}

void ExpectNear(ConstMatrixView c, ConstMatrixView expected, double tolerance) {
  for (int64_t i = 0; i < c.rows; ++i) {
    for (int64_t j = 0; j < c.columns; ++j) ASSERT_NEAR(c(i, j), expected(i, j), tolerance);
  }
}

using DirectProductTest = KernelTest;

// Sizes around vectors and tiles.
TEST_P(DirectProductTest, IsTheProductThatTheDefinitionSays) {
  for (const int64_t rows : {1, 3, 4, 7, 8, 9, 17}) {
    for (const int64_t columns : {1, 4, 5, 12, 15, 16, 17, 33, 47, 48, 49, 64, 100}) {
      for (const int64_t inner : {1, 2, 30}) {
        SCOPED_TRACE(testing::Message() << rows << " x " << columns << " x " << inner);
        const GuardedMatrix a = RandomMatrix(rows, inner, 1);
        const GuardedMatrix turned = RandomMatrix(inner, rows, 2);
        const GuardedMatrix b = RandomMatrix(inner, columns, 3);
        for (const float beta : {0.0F, 1.0F}) {
          GuardedMatrix c = RandomMatrix(rows, columns, 4);
          GuardedMatrix expected = RandomMatrix(rows, columns, 4);
          DirectProduct(0.5F, a.view(), b.view(), beta, c.view());
          NaiveGemm(Transpose::kNo, Transpose::kNo, 0.5F, a.view(), b.view(), beta,
                    expected.view());
          ExpectNear(c.view(), expected.view(), static_cast<double>(inner + 4) * 0x1p-24);
          DirectProductOfTurned(2.0F, turned.view(), b.view(), beta, c.view());
          NaiveGemm(Transpose::kYes, Transpose::kNo, 2.0F, turned.view(), b.view(), beta,
                    expected.view());
          ExpectNear(c.view(), expected.view(), static_cast<double>(inner + 4) * 0x1p-22);
          ASSERT_TRUE(c.IsIntact());
        }
      }
    }
  }
}

TEST_P(DirectProductTest, OutputIsTheSameInAnyTile) {
  const GuardedMatrix a = RandomMatrix(11, 30, 1);
  const GuardedMatrix b = RandomMatrix(30, 53, 2);
  const Matrix whole = Product(a.view(), b.view());
  for (int64_t i = 0; i < 11; ++i) {
    for (int64_t j = 0; j < 53; ++j) {
      const Matrix alone = Product(a.view().Rows(i, 1), b.view().Block(0, j, 30, 1));
      ASSERT_EQ(alone(0, 0), whole(i, j)) << i << ", " << j;
    }
  }
}

TEST_P(DirectProductTest, WhatIsMultipliedByZeroIsNotRead) {
  Matrix c(2, 5);
  for (float& element : c.view().row(1)) element = std::numeric_limits<float>::quiet_NaN();
  DirectProduct(1.0F, RandomMatrix(2, 3, 1).view(), RandomMatrix(3, 5, 2).view(), 0.0F, c.view());
  for (const float element : c.view().row(1)) EXPECT_EQ(element, element);
}

TEST_P(DirectProductTest, EmptySumsAreZero) {
  Matrix c(2, 5);
  c(1, 4) = 7.0F;
  DirectProduct(1.0F, Matrix(2, 0).view(), Matrix(0, 5).view(), 0.0F, c.view());
  EXPECT_EQ(c(1, 4), 0.0F);
  EXPECT_EQ(Product(Matrix(0, 3).view(), Matrix(3, 5).view()).rows(), 0);
}

INSTANTIATE_TEST_SUITE_P(Targets, DirectProductTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
