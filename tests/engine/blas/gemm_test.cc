#include "engine/blas/gemm.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "tests/engine/blas/test_matrices.h"

namespace chainrule::engine {
namespace {

constexpr Transpose kBoth[] = {Transpose::kNo, Transpose::kYes};

// The bound on a float sum of `inner` products, each of factors below 1, with some
// room for the additions after it.
double Tolerance(int64_t inner) { return static_cast<double>(inner + 4) * 0x1p-23; }

void ExpectNear(ConstMatrixView actual, ConstMatrixView expected, double tolerance) {
  for (int64_t i = 0; i < expected.rows; ++i) {
    for (int64_t j = 0; j < expected.columns; ++j) {
      ASSERT_NEAR(actual(i, j), expected(i, j), tolerance) << i << ", " << j;
    }
  }
}

TEST(NaiveGemmTest, MultipliesAsByHand) {
  Matrix a(1, 2);
  a(0, 0) = 2.0F;
  a(0, 1) = 3.0F;
  Matrix b(2, 2);
  b(0, 0) = 5.0F;
  b(0, 1) = 7.0F;
  b(1, 0) = 11.0F;
  b(1, 1) = 13.0F;
  Matrix c(1, 2);
  NaiveGemm(Transpose::kNo, Transpose::kNo, 1.0F, a.view(), b.view(), 0.0F, c.view());
  EXPECT_EQ(c(0, 0), 43.0F);
  EXPECT_EQ(c(0, 1), 53.0F);
  NaiveGemm(Transpose::kNo, Transpose::kYes, 10.0F, a.view(), b.view(), 1.0F, c.view());
  EXPECT_EQ(c(0, 0), 310.0F + 43.0F);
  EXPECT_EQ(c(0, 1), 610.0F + 53.0F);
}

TEST(GemmTest, AgreesWithTheDefinition) {
  for (Transpose transpose_a : kBoth) {
    for (Transpose transpose_b : kBoth) {
      for (int64_t m : {1, 2, 17, 64}) {
        for (int64_t n : {1, 3, 33}) {
          for (int64_t k : {1, 16, 301}) {
            const Matrix a = RandomOperand(transpose_a, m, k, 1);
            const Matrix b = RandomOperand(transpose_b, k, n, 2);
            Matrix c = RandomMatrix(m, n, 3);
            Matrix expected = RandomMatrix(m, n, 3);
            Gemm(transpose_a, transpose_b, 0.5F, a.view(), b.view(), -2.0F, c.view());
            NaiveGemm(transpose_a, transpose_b, 0.5F, a.view(), b.view(), -2.0F, expected.view());
            ExpectNear(c.view(), expected.view(), Tolerance(k));
          }
        }
      }
    }
  }
}

TEST(GemmTest, WorksOnBlocksAndTouchesNothingBeside) {
  const Matrix a = RandomMatrix(9, 20, 1);
  const Matrix b = RandomMatrix(20, 9, 2);
  const ConstMatrixView a_block = a.view().Block(1, 3, 5, 8);
  const ConstMatrixView b_block = b.view().Block(2, 1, 8, 6);
  Matrix c(7, 10);
  Matrix expected(7, 10);
  Gemm(Transpose::kNo, Transpose::kNo, 1.0F, a_block, b_block, 0.0F, c.view().Block(1, 2, 5, 6));
  NaiveGemm(Transpose::kNo, Transpose::kNo, 1.0F, a_block, b_block, 0.0F,
            expected.view().Block(1, 2, 5, 6));
  ExpectNear(c.view(), expected.view(), Tolerance(8));
}

TEST(GemmTest, WithBetaZeroWhatWasThereDoesNotMatter) {
  for (auto* gemm : {&Gemm, &NaiveGemm}) {
    for (int64_t inner : {0, 5}) {
      const Matrix a = RandomMatrix(3, inner, 1);
      const Matrix b = RandomMatrix(inner, 4, 2);
      Matrix c(3, 4);
      for (float& element : std::span(c.data(), 12)) element = std::nanf("");
      gemm(Transpose::kNo, Transpose::kNo, 1.0F, a.view(), b.view(), 0.0F, c.view());
      for (float element : std::span(c.data(), 12)) EXPECT_TRUE(std::isfinite(element));
    }
  }
}

TEST(GemmTest, EmptyInnerDimensionScalesC) {
  for (auto* gemm : {&Gemm, &NaiveGemm}) {
    const Matrix a(3, 0);
    const Matrix b(0, 2);
    Matrix c = RandomMatrix(3, 2, 1);
    const Matrix before = RandomMatrix(3, 2, 1);
    gemm(Transpose::kNo, Transpose::kNo, 1.0F, a.view(), b.view(), 0.5F, c.view());
    for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(c.data()[i], 0.5F * before.data()[i]);
  }
}

TEST(GemmTest, EmptyProductsDoNothing) {
  const Matrix a(0, 5);
  const Matrix b = RandomMatrix(5, 2, 1);
  Matrix c(0, 2);
  Gemm(Transpose::kNo, Transpose::kNo, 1.0F, a.view(), b.view(), 0.0F, c.view());
  Matrix d(2, 0);
  Gemm(Transpose::kYes, Transpose::kYes, 1.0F, b.view(), Matrix(0, 5).view(), 0.0F, d.view());
}

TEST(GemmDeathTest, ShapesThatDoNotFitAndSizesBeyondIntAreRefused) {
  const Matrix a(2, 3);
  Matrix c(2, 2);
  EXPECT_DEATH(Gemm(Transpose::kNo, Transpose::kNo, 1.0F, a.view(), a.view(), 0.0F, c.view()),
               "b.rows.*== inner");
  const ConstMatrixView wide(a.data(), 2, 3, int64_t{1} << 32);
  EXPECT_DEATH(Gemm(Transpose::kNo, Transpose::kYes, 1.0F, wide, a.view(), 0.0F, c.view()),
               "size <= ");
}

}  // namespace
}  // namespace chainrule::engine
