#include "engine/blas/parallel_gemm.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/blas/blas_runtime.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/blas/test_matrices.h"

namespace chainrule::engine {
namespace {

struct Product {
  Transpose transpose_a;
  Transpose transpose_b;
  int64_t rows;
  int64_t columns;
  int64_t inner;
};

// Forward, weight gradient and input gradient, small, large and thin.
const Product kProducts[] = {
    {Transpose::kNo, Transpose::kYes, 128, 512, 784},
    {Transpose::kYes, Transpose::kNo, 512, 784, 128},
    {Transpose::kNo, Transpose::kNo, 128, 512, 256},
    {Transpose::kNo, Transpose::kYes, 333, 1001, 77},
    {Transpose::kNo, Transpose::kYes, 1, 2049, 3000},
    {Transpose::kYes, Transpose::kNo, 3001, 1, 1500},
    {Transpose::kNo, Transpose::kYes, 32, 64, 30},
    {Transpose::kYes, Transpose::kYes, 700, 600, 0},
};

class ParallelGemmTest : public testing::TestWithParam<Product> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(StartBlas(2).ok()); }

  const Product product_ = GetParam();
  const Matrix a_ = RandomOperand(product_.transpose_a, product_.rows, product_.inner, 1);
  const Matrix b_ = RandomOperand(product_.transpose_b, product_.inner, product_.columns, 2);

  Matrix Multiply(int threads) const {
    Matrix c = RandomMatrix(product_.rows, product_.columns, 3);
    ParallelGemm(Executor(threads), product_.transpose_a, product_.transpose_b, 0.5F, a_.view(),
                 b_.view(), 1.0F, c.view());
    return c;
  }
};

TEST_P(ParallelGemmTest, AgreesWithTheDefinition) {
  const Matrix c = Multiply(2);
  Matrix expected = RandomMatrix(product_.rows, product_.columns, 3);
  NaiveGemm(product_.transpose_a, product_.transpose_b, 0.5F, a_.view(), b_.view(), 1.0F,
            expected.view());
  const double tolerance = static_cast<double>(product_.inner + 4) * 0x1p-23;
  for (int64_t i = 0; i < expected.view().size(); ++i) {
    ASSERT_NEAR(c.data()[i], expected.data()[i], tolerance) << i;
  }
}

TEST_P(ParallelGemmTest, BitsDoNotDependOnThreads) {
  const Matrix one = Multiply(1);
  const size_t bytes = sizeof(float) * static_cast<size_t>(product_.rows * product_.columns);
  for (int threads : {2, 3, 8}) {
    EXPECT_EQ(std::memcmp(Multiply(threads).data(), one.data(), bytes), 0) << threads;
  }
}

TEST_P(ParallelGemmTest, EpilogueSeesEachElementOnceAfterItsProduct) {
  Matrix plain(product_.rows, product_.columns);
  Matrix c(product_.rows, product_.columns);
  const Executor executor(3);
  ParallelGemm(executor, product_.transpose_a, product_.transpose_b, 1.0F, a_.view(), b_.view(),
               0.0F, plain.view());
  ParallelGemm(executor, product_.transpose_a, product_.transpose_b, 1.0F, a_.view(), b_.view(),
               0.0F, c.view(), [&](const Tile& tile) {
                 const MatrixView block =
                     c.view().Block(tile.row, tile.column, tile.rows, tile.columns);
                 for (int64_t i = 0; i < block.rows; ++i) {
                   for (float& element : block.row(i)) element += 1.0F;
                 }
               });
  for (int64_t i = 0; i < c.view().size(); ++i) {
    ASSERT_EQ(c.data()[i], plain.data()[i] + 1.0F) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Products, ParallelGemmTest, testing::ValuesIn(kProducts));

TEST(ParallelGemmEmptyTest, EmptyOutputsRunNothing) {
  Matrix c(0, 5);
  int tiles = 0;
  ParallelGemm(Executor(2), Transpose::kNo, Transpose::kNo, 1.0F, Matrix(0, 3).view(),
               Matrix(3, 5).view(), 0.0F, c.view(), [&](const Tile&) { ++tiles; });
  EXPECT_EQ(tiles, 0);
}

TEST(ChooseTileSizeTest, SmallProductsAreOneTile) {
  const TileSize size = ChooseTileSize(Transpose::kNo, 32, 64, 30);
  EXPECT_EQ(size.rows, 32);
  EXPECT_EQ(size.columns, 64);
}

TEST(ChooseTileSizeTest, LargeProductsAreSeveralTilesThatAreNotThin) {
  for (const Transpose transpose_a : {Transpose::kNo, Transpose::kYes}) {
    for (const auto& [rows, columns] : {std::pair(256, 2048), std::pair(4096, 128)}) {
      const TileSize size = ChooseTileSize(transpose_a, rows, columns, 1024);
      EXPECT_GE((rows / size.rows) * (columns / size.columns), 8);
      EXPECT_GE(std::min(size.rows, size.columns), 64);
    }
  }
}

TEST(ChooseTileSizeTest, EvenTheThinnestProductEnds) {
  const TileSize column = ChooseTileSize(Transpose::kNo, 1'000'000, 1, 1000);
  EXPECT_EQ(column.columns, 1);
  EXPECT_LT(column.rows, 1'000'000);
  const TileSize deep = ChooseTileSize(Transpose::kYes, 2, 3, 1'000'000'000);
  EXPECT_EQ(deep.rows, 2);
  EXPECT_EQ(deep.columns, 3);
}

}  // namespace
}  // namespace chainrule::engine
