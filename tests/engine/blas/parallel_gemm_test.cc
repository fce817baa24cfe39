#include "engine/blas/parallel_gemm.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/blas/blas_runtime.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/blas/test_matrices.h"

namespace chainrule::engine {
namespace {

struct Shape {
  Transpose transpose_a;
  Transpose transpose_b;
  int64_t rows;
  int64_t columns;
  int64_t inner;
};

// Forward, weight gradient and input gradient, small, large and thin.
const Shape kProducts[] = {
    {Transpose::kNo, Transpose::kYes, 128, 512, 784},
    {Transpose::kYes, Transpose::kNo, 512, 784, 128},
    {Transpose::kNo, Transpose::kNo, 128, 512, 256},
    {Transpose::kNo, Transpose::kYes, 333, 1001, 77},
    {Transpose::kNo, Transpose::kYes, 1, 2049, 3000},
    {Transpose::kYes, Transpose::kNo, 3001, 1, 1500},
    {Transpose::kNo, Transpose::kYes, 32, 64, 30},
    {Transpose::kYes, Transpose::kYes, 700, 600, 0},
};

class ParallelGemmTest : public testing::TestWithParam<Shape> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(StartBlas(2).ok()); }

  const Shape product_ = GetParam();
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
               0.0F, c.view(), [&](const Tile& tile, MatrixView part) {
                 EXPECT_EQ(part.data, TileOf(c.view(), tile).data);
                 for (int64_t i = 0; i < part.rows; ++i) {
                   for (float& element : part.row(i)) element += 1.0F;
                 }
               });
  for (int64_t i = 0; i < c.view().size(); ++i) {
    ASSERT_EQ(c.data()[i], plain.data()[i] + 1.0F) << i;
  }
}

// A tile that nobody keeps has the bits that it would have in c.
TEST_P(ParallelGemmTest, TilesInScratchAreTheTilesOfC) {
  Matrix plain(product_.rows, product_.columns);
  const int64_t stride = product_.columns + 5;
  Matrix c(product_.rows, stride);  // whole rows, gaps included, gathered from the tiles
  std::fill_n(c.data(), c.view().size(), 7.0F);
  const Executor executor(3);
  TileScratch scratch(3);
  ParallelGemm(executor, product_.transpose_a, product_.transpose_b, 0.5F, a_.view(), b_.view(),
               0.0F, plain.view());
  for (int round = 0; round < 2; ++round) {  // the second finds the first one's numbers in scratch
    const auto gather = [&](const Tile& tile, MatrixView part) {
      EXPECT_TRUE(tile.columns < product_.columns || part.stride == stride);
      const int64_t count = tile.columns == product_.columns ? stride : tile.columns;
      for (int64_t i = 0; i < tile.rows; ++i) {
        std::copy_n(part.row(i).data(), count, &c(tile.row + i, tile.column));
      }
    };
    const Product product{.transpose_a = product_.transpose_a,
                          .transpose_b = product_.transpose_b,
                          .alpha = 0.5F,
                          .a = a_.view(),
                          .b = b_.view(),
                          .c = MatrixView(nullptr, product_.rows, product_.columns, stride),
                          .epilogue = gather,
                          .scratch = &scratch};
    ParallelGemm(executor, std::span(&product, 1));
  }
  for (int64_t i = 0; i < product_.rows; ++i) {
    for (int64_t j = 0; j < product_.columns; ++j)
      ASSERT_EQ(c(i, j), plain(i, j)) << i << ", " << j;
    ASSERT_TRUE(c(i, product_.columns) == 0.0F || c(i, product_.columns) == 7.0F);
  }
}

INSTANTIATE_TEST_SUITE_P(Products, ParallelGemmTest, testing::ValuesIn(kProducts));

TEST(ParallelGemmsTest, SeveralProductsInOneLoopAreEachAsAlone) {
  const auto nothing = [](const Tile&, MatrixView) {};
  for (const int64_t scale : {1, 40}) {  // inline, and shared
    const Matrix a = RandomMatrix(10 * scale, 9 * scale, 1);
    const Matrix b = RandomMatrix(9 * scale, 20 * scale, 2);
    const Matrix turned = RandomMatrix(10 * scale, 30 * scale, 3);
    const auto products_into = [&](Matrix* first, Matrix* second) {
      return std::array<Product, 2>{
          Product{.a = a.view(), .b = b.view(), .c = first->view(), .epilogue = nothing},
          Product{.transpose_a = Transpose::kYes,
                  .alpha = 2.0F,
                  .a = a.view(),
                  .b = turned.view(),
                  .c = second->view(),
                  .epilogue = nothing}};
    };
    Matrix alone[] = {Matrix(10 * scale, 20 * scale), Matrix(9 * scale, 30 * scale)};
    for (const Product& product : products_into(&alone[0], &alone[1])) {
      ParallelGemm(Executor(1), std::span(&product, 1));
    }
    for (const int threads : {1, 2, 3, 8}) {
      Matrix together[] = {Matrix(10 * scale, 20 * scale), Matrix(9 * scale, 30 * scale)};
      ParallelGemm(Executor(threads), products_into(&together[0], &together[1]));
      for (const int i : {0, 1}) {
        const size_t bytes = sizeof(float) * static_cast<size_t>(alone[i].view().size());
        EXPECT_EQ(std::memcmp(together[i].data(), alone[i].data(), bytes), 0) << threads;
      }
    }
  }
}

// Of a kernel that packs nothing, tiles in scratch are strips of whole rows.
TEST(ParallelGemmKernelTest, StripsInScratchAreTheProductByTheKernel) {
  const auto turned = [](float alpha, ConstMatrixView a, ConstMatrixView b, float beta,
                         MatrixView c) {
    NaiveGemm(Transpose::kYes, Transpose::kNo, alpha, a, b, beta, c);
  };
  for (const auto& [rows, columns] : {std::pair(100, 3'000), std::pair(70, 9), std::pair(0, 5)}) {
    const Matrix a = RandomMatrix(4, rows, 1);
    const Matrix b = RandomMatrix(4, columns, 2);
    Matrix expected(rows, columns);
    turned(0.5F, a.view(), b.view(), 0.0F, expected.view());
    Matrix c(rows, columns);
    const auto gather = [&](const Tile& tile, MatrixView part) {
      EXPECT_EQ(tile.columns, columns);
      for (int64_t i = 0; i < tile.rows; ++i) {
        std::ranges::copy(part.row(i), c.view().row(tile.row + i).begin());
      }
    };
    TileScratch scratch(3);
    const Product product{.transpose_a = Transpose::kYes,
                          .alpha = 0.5F,
                          .a = a.view(),
                          .b = b.view(),
                          .c = MatrixView(nullptr, rows, columns),
                          .epilogue = gather,
                          .scratch = &scratch,
                          .kernel = turned};
    ParallelGemm(Executor(3), std::span(&product, 1));
    EXPECT_TRUE(std::equal(c.data(), c.data() + c.view().size(), expected.data())) << rows;
  }
}

TEST(ParallelGemmEmptyTest, EmptyOutputsRunNothing) {
  Matrix c(0, 5);
  int tiles = 0;
  ParallelGemm(Executor(2), Transpose::kNo, Transpose::kNo, 1.0F, Matrix(0, 3).view(),
               Matrix(3, 5).view(), 0.0F, c.view(), [&](const Tile&, MatrixView) { ++tiles; });
  EXPECT_EQ(tiles, 0);
}

TEST(ChooseTileSizeTest, SmallProductsAreOneTile) {
  const TileSize size = ChooseTileSize(Transpose::kNo, 32, 64, 30);
  EXPECT_EQ(size.rows, 32);
  EXPECT_EQ(size.columns, 64);
}

TEST(ChooseTileSizeTest, ProductsForTwoCoresAreTwoTiles) {
  for (const int64_t units : {65, 80, 100, 128, 129}) {
    const TileSize forward = ChooseTileSize(Transpose::kNo, 128, units, 784);
    EXPECT_EQ(forward.rows, 128) << units;
    EXPECT_LT(forward.columns, units);
    EXPECT_GE(2 * forward.columns, units);
    // The other way round where that leaves tiles less thin.
    const TileSize gradient = ChooseTileSize(Transpose::kYes, units, 784, 128);
    EXPECT_LT(gradient.rows * gradient.columns, units * 784) << units;
    EXPECT_LE(units, (gradient.rows < units ? 2 : 1) * gradient.rows);
    EXPECT_LE(784, (gradient.columns < 784 ? 2 : 1) * gradient.columns);
  }
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
