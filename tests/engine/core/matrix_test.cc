#include "engine/core/matrix.h"

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

Matrix Numbered(int64_t rows, int64_t columns) {
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i) matrix.data()[i] = static_cast<float>(i);
  return matrix;
}

TEST(MatrixTest, ElementsAreRowMajor) {
  const Matrix matrix = Numbered(3, 4);
  EXPECT_EQ(matrix(2, 1), 9.0F);
  EXPECT_EQ(matrix.view().row(1)[3], 7.0F);
  EXPECT_EQ(matrix.view().size(), 12);
}

TEST(MatrixTest, BlockSeesTheElementsOfItsPlace) {
  Matrix matrix = Numbered(4, 5);
  const MatrixView block = matrix.view().Block(1, 2, 2, 3);
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 3; ++j) EXPECT_EQ(&block(i, j), &matrix(i + 1, j + 2));
  }
  EXPECT_EQ(&matrix.view().Rows(3, 1)(0, 4), &matrix(3, 4));
}

TEST(MatrixTest, OnlyBlocksOfWholeRowsAreContiguous) {
  const Matrix matrix = Numbered(4, 5);
  EXPECT_TRUE(matrix.view().contiguous());
  EXPECT_TRUE(matrix.view().Rows(1, 2).contiguous());
  EXPECT_TRUE(matrix.view().Block(1, 1, 1, 3).contiguous());
  EXPECT_FALSE(matrix.view().Block(0, 1, 2, 3).contiguous());
}

TEST(MatrixTest, MayBeEmpty) {
  EXPECT_EQ(Matrix().view().size(), 0);
  EXPECT_EQ(Matrix(0, 7).view().size(), 0);
  EXPECT_EQ(Matrix(7, 0).view().size(), 0);
}

}  // namespace
}  // namespace chainrule::engine
