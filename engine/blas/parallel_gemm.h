// Matrix products over a grid of output tiles.  The grid is a function of the
// shapes alone, each tile is one Gemm over the whole inner dimension, so the bits
// do not depend on how many threads share the tiles.
#ifndef CHAINRULE_ENGINE_BLAS_PARALLEL_GEMM_H_
#define CHAINRULE_ENGINE_BLAS_PARALLEL_GEMM_H_

#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "engine/blas/gemm.h"
#include "engine/blas/tile_scratch.h"
#include "engine/core/executor.h"

namespace chainrule::engine {

// A rectangle of the output.
struct Tile {
  int64_t row = 0;
  int64_t column = 0;
  int64_t rows = 0;
  int64_t columns = 0;
};

inline MatrixView TileOf(MatrixView matrix, const Tile& tile) {
  return matrix.Block(tile.row, tile.column, tile.rows, tile.columns);
}

// The tiles' rows and columns for c: [rows × columns]; the last ones may be smaller.
struct TileSize {
  int64_t rows = 0;
  int64_t columns = 0;
};
TileSize ChooseTileSize(Transpose transpose_a, int64_t rows, int64_t columns, int64_t inner);

// What is done to a tile of c right after its product, once for each, on the same
// thread, while it is warm. `part` is the tile, and may be written.
using Epilogue = absl::FunctionRef<void(const Tile& tile, MatrixView part)>;

// c ← alpha·op(a)·op(b) + beta·c, of a product whose transposes it knows.
using TileKernel = void (*)(float alpha, ConstMatrixView a, ConstMatrixView b, float beta,
                            MatrixView c);

// c ← alpha·op(a)·op(b) + beta·c, as Gemm.
struct Product {
  Transpose transpose_a = Transpose::kNo;
  Transpose transpose_b = Transpose::kNo;
  float alpha = 1.0F;
  ConstMatrixView a;
  ConstMatrixView b;
  float beta = 0.0F;
  MatrixView c;
  Epilogue epilogue;
  // Not null: each tile is computed here and is the epilogue's alone; c has a shape and
  // a stride, is not written, and beta is 0. Tiles of whole rows have c's stride, with
  // zeros in the gaps.
  TileScratch* scratch = nullptr;
  // Not null: multiplies the tiles in the place of Gemm. It packs nothing that tiles share,
  // so that those in scratch are strips of whole rows that the nearest caches hold.
  TileKernel kernel = nullptr;
};

// Products that do not depend on each other, as one loop over all of their tiles. What is
// not worth another thread's waking up runs inline.
void ParallelGemm(const Executor& executor, std::span<const Product> products);

// One product.
void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c,
                  Epilogue epilogue);
void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_PARALLEL_GEMM_H_
