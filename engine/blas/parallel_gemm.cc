#include "engine/blas/parallel_gemm.h"

#include <algorithm>

#include "absl/container/inlined_vector.h"

namespace chainrule::engine {
namespace {

// Multiply-adds of a tile: about 0.25 ms on a core of the day. Each call of sgemm
// packs its operands anew, so a large product gives up that aim for fewer tiles, as
// long as there are kEnoughTiles and none has more than kMostWork.
constexpr int64_t kTileWork = 13'000'000;
// A smaller product is still worth two cores from here on, and has two tiles.
constexpr int64_t kLeastSplitWork = 4'000'000;
constexpr int64_t kEnoughTiles = 8;
constexpr int64_t kMostWork = 160'000'000;
// To pack the operand that the tiles of a column share costs sgemm several times what
// the other does (measured; with a transposed `a` it is the other way round). So one
// side stays whole until it is so many times the other.
constexpr int64_t kAspect = 8;
constexpr int64_t kSmallestSide = 64;
// Sides are multiples of a kernel's width, so that edge kernels stay at the edge.
constexpr int64_t kSideStep = 16;

// Multiply-adds of all products in a loop, below which they run inline: some 30 µs, of
// which waking another thread would take a large part.
constexpr int64_t kParallelWork = 2'000'000;

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
  // Three quarters, for a half is rounded up.
  const int64_t small = std::clamp(work / 4 * 3, kLeastSplitWork, kTileWork);
  const int64_t wanted = std::max(small, std::min(work / kEnoughTiles, kMostWork));
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

namespace {

// Floats of a strip in scratch.
constexpr int64_t kStripFloats = 32'768;

TileSize StripSize(int64_t rows, int64_t columns) {
  const int64_t fitting = kStripFloats / std::max<int64_t>(columns, 1) / kSideStep * kSideStep;
  return {.rows = std::min(rows, std::max(fitting, kSideStep)), .columns = columns};
}

int64_t InnerOf(const Product& product) {
  return product.transpose_a == Transpose::kYes ? product.a.rows : product.a.columns;
}

TileSize SizeFor(const Product& product) {
  const int64_t rows = product.c.rows;
  const int64_t columns = product.c.columns;
  if (product.kernel != nullptr && product.scratch != nullptr) return StripSize(rows, columns);
  return ChooseTileSize(product.transpose_a, rows, columns, InnerOf(product));
}

// The tiles of one product, in a loop over several products'.
struct Grid {
  explicit Grid(const Product& of)
      : product(&of),
        size(SizeFor(of)),
        count(of.c.size() == 0
                  ? 0
                  : CeilDivide(of.c.rows, size.rows) * CeilDivide(of.c.columns, size.columns)) {}

  const Product* product;
  TileSize size;
  int64_t count;
};

int64_t ScratchStride(const Product& product, int64_t columns) {
  return columns == product.c.columns ? product.c.stride : RowStride(columns);
}

void Multiply(const Product& product, const Tile& tile, MatrixView part) {
  const ConstMatrixView a = OpRows(product.transpose_a, product.a, tile.row, tile.rows);
  const ConstMatrixView b = OpColumns(product.transpose_b, product.b, tile.column, tile.columns);
  if (product.kernel != nullptr) {
    product.kernel(product.alpha, a, b, product.beta, part);
  } else {
    Gemm(product.transpose_a, product.transpose_b, product.alpha, a, b, product.beta, part);
  }
  product.epilogue(tile, part);
}

void ClearGaps(MatrixView part) {
  if (part.stride == part.columns) return;
  for (int64_t i = 0; i < part.rows; ++i) {
    std::fill_n(part.row(i).data() + part.columns, part.stride - part.columns, 0.0F);
  }
}

void RunTile(const Product& product, const Tile& tile) {
  if (product.scratch == nullptr) {
    return Multiply(product, tile, TileOf(product.c, tile));
  }
  const TileScratch::Loan place(product.scratch);
  const MatrixView part(place.data(), tile.rows, tile.columns,
                        ScratchStride(product, tile.columns));
  ClearGaps(part);
  Multiply(product, tile, part);
}

void ReserveScratch(const Grid& grid) {
  if (grid.product->scratch == nullptr || grid.count == 0) return;
  const int64_t columns = std::min(grid.size.columns, grid.product->c.columns);
  const int64_t stride = std::max(ScratchStride(*grid.product, columns), RowStride(columns));
  grid.product->scratch->Reserve(std::min(grid.size.rows, grid.product->c.rows) * stride);
}

}  // namespace

void ParallelGemm(const Executor& executor, std::span<const Product> products) {
  absl::InlinedVector<Grid, 2> grids;
  int64_t count = 0;
  int64_t work = 0;
  for (const Product& product : products) {
    const Grid& grid = grids.emplace_back(product);
    ReserveScratch(grid);
    count += grid.count;
    work += product.c.size() * InnerOf(product);
  }
  const auto run = [&](int64_t index) {
    const Grid* grid = grids.data();
    for (; index >= grid->count; ++grid) index -= grid->count;
    RunTile(*grid->product, TileAt(index, grid->size, grid->product->c));
  };
  if (work >= kParallelWork) return executor.ParallelFor(count, run);
  for (int64_t index = 0; index < count; ++index) run(index);
}

void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c,
                  Epilogue epilogue) {
  const Product product{.transpose_a = transpose_a,
                        .transpose_b = transpose_b,
                        .alpha = alpha,
                        .a = a,
                        .b = b,
                        .beta = beta,
                        .c = c,
                        .epilogue = epilogue};
  ParallelGemm(executor, std::span(&product, 1));
}

void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c) {
  const auto nothing = [](const Tile&, MatrixView) {};
  ParallelGemm(executor, transpose_a, transpose_b, alpha, a, b, beta, c, nothing);
}

}  // namespace chainrule::engine
