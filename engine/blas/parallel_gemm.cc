#include "engine/blas/parallel_gemm.h"

#include <algorithm>

namespace chainrule::engine {
namespace {

// Multiply-adds of a tile: about 0.25 ms on a core of the day. Each call of sgemm
// packs its operands anew, so a large product gives up that aim for fewer tiles, as
// long as there are kEnoughTiles and none has more than kMostWork.
constexpr int64_t kTileWork = 13'000'000;
constexpr int64_t kEnoughTiles = 8;
constexpr int64_t kMostWork = 160'000'000;
// To pack the operand that the tiles of a column share costs sgemm several times what
// the other does (measured; with a transposed `a` it is the other way round). So one
// side stays whole until it is so many times the other.
constexpr int64_t kAspect = 8;
constexpr int64_t kSmallestSide = 64;
// Sides are multiples of a kernel's width, so that edge kernels stay at the edge.
constexpr int64_t kSideStep = 16;

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t HalfOf(int64_t side) { return CeilDivide(CeilDivide(side, 2), kSideStep) * kSideStep; }

Tile TileAt(int64_t index, const TileSize& size, MatrixView c) {
  const int64_t across = CeilDivide(c.columns, size.columns);
  const int64_t row = index / across * size.rows;
  const int64_t column = index % across * size.columns;
  return {.row = row,
          .column = column,
          .rows = std::min(size.rows, c.rows - row),
          .columns = std::min(size.columns, c.columns - column)};
}

// The rows, or where it is transposed the columns, of op(matrix) [first, first + count).
ConstMatrixView OpRows(Transpose transpose, ConstMatrixView matrix, int64_t first, int64_t count) {
  return transpose == Transpose::kYes ? matrix.Block(0, first, matrix.rows, count)
                                      : matrix.Rows(first, count);
}

ConstMatrixView OpColumns(Transpose transpose, ConstMatrixView matrix, int64_t first,
                          int64_t count) {
  return transpose == Transpose::kYes ? matrix.Rows(first, count)
                                      : matrix.Block(0, first, matrix.rows, count);
}

}  // namespace

TileSize ChooseTileSize(Transpose transpose_a, int64_t rows, int64_t columns, int64_t inner) {
  const int64_t work = rows * columns * inner;
  const int64_t wanted = std::max(kTileWork, std::min(work / kEnoughTiles, kMostWork));
  TileSize size{.rows = rows, .columns = columns};
  int64_t& kept = transpose_a == Transpose::kYes ? size.columns : size.rows;
  int64_t& split = transpose_a == Transpose::kYes ? size.rows : size.columns;
  while (size.rows * size.columns * inner > wanted) {
    int64_t& side = split > kSmallestSide && split * kAspect > kept ? split : kept;
    if (side <= kSmallestSide) break;
    side = HalfOf(side);
  }
  return size;
}

void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c,
                  absl::FunctionRef<void(const Tile&)> epilogue) {
  if (c.rows == 0 || c.columns == 0) return;
  const int64_t inner = transpose_a == Transpose::kYes ? a.rows : a.columns;
  const TileSize size = ChooseTileSize(transpose_a, c.rows, c.columns, inner);
  const int64_t count = CeilDivide(c.rows, size.rows) * CeilDivide(c.columns, size.columns);
  executor.ParallelFor(count, [&](int64_t index) {
    const Tile tile = TileAt(index, size, c);
    Gemm(transpose_a, transpose_b, alpha, OpRows(transpose_a, a, tile.row, tile.rows),
         OpColumns(transpose_b, b, tile.column, tile.columns), beta,
         c.Block(tile.row, tile.column, tile.rows, tile.columns));
    epilogue(tile);
  });
}

void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c) {
  ParallelGemm(executor, transpose_a, transpose_b, alpha, a, b, beta, c, [](const Tile&) {});
}

}  // namespace chainrule::engine
