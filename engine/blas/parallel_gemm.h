// Matrix products over a grid of output tiles.  The grid is a function of the
// shapes alone, each tile is one Gemm over the whole inner dimension, so the bits
// do not depend on how many threads share the tiles.
#ifndef CHAINRULE_ENGINE_BLAS_PARALLEL_GEMM_H_
#define CHAINRULE_ENGINE_BLAS_PARALLEL_GEMM_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "engine/blas/gemm.h"
#include "engine/core/executor.h"

namespace chainrule::engine {

// A rectangle of the output.
struct Tile {
  int64_t row = 0;
  int64_t column = 0;
  int64_t rows = 0;
  int64_t columns = 0;
};

// The tiles' rows and columns for c: [rows × columns]; the last ones may be smaller.
struct TileSize {
  int64_t rows = 0;
  int64_t columns = 0;
};
TileSize ChooseTileSize(Transpose transpose_a, int64_t rows, int64_t columns, int64_t inner);

// As Gemm. `epilogue`, if any, is called once for each tile of c right after its
// product, on the same thread, while the tile is warm; it may write that tile of c.
void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c,
                  absl::FunctionRef<void(const Tile&)> epilogue);
void ParallelGemm(const Executor& executor, Transpose transpose_a, Transpose transpose_b,
                  float alpha, ConstMatrixView a, ConstMatrixView b, float beta, MatrixView c);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_PARALLEL_GEMM_H_
