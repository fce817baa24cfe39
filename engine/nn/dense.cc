#include "engine/nn/dense.h"

#include "engine/kernels/reduce.h"
#include "engine/nn/row_blocks.h"

namespace chainrule::engine {
namespace {

MatrixView Part(MatrixView matrix, const Tile& tile) {
  return matrix.Block(tile.row, tile.column, tile.rows, tile.columns);
}

std::span<const float> Part(std::span<const float> bias, const Tile& tile) {
  return bias.subspan(static_cast<size_t>(tile.column), static_cast<size_t>(tile.columns));
}

// db ← scale·Σ_rows dz + keep·db of the units [first, first + count).
void SumBias(ConstMatrixView dz, const DenseGradient& gradient, int64_t first, int64_t count) {
  ColumnSums(gradient.scale, dz.Block(0, first, dz.rows, count), gradient.keep,
             gradient.db.subspan(static_cast<size_t>(first), static_cast<size_t>(count)));
}

}  // namespace

// Z = X·Wᵀ + b, A = f(Z).
void Dense::Forward(const Executor& executor, ConstMatrixView x, MatrixView z, MatrixView a,
                    Epilogue then) const {
  if (activation_.kind != Activation::kSoftmax) {
    ParallelGemm(executor, Transpose::kNo, Transpose::kYes, 1.0F, x, weights_, 0.0F, z,
                 [&](const Tile& tile) {
                   AddBiasActivate(activation_, Part(bias_, tile), Part(z, tile), Part(a, tile));
                   then(tile);
                 });
    return;
  }
  // A softmax needs whole rows, which a tile may not hold.
  ParallelGemm(executor, Transpose::kNo, Transpose::kYes, 1.0F, x, weights_, 0.0F, z);
  ForRowBlocks(executor, z.rows, z.columns, [&](int64_t first, int64_t count) {
    AddBiasActivate(activation_, bias_, z.Rows(first, count), a.Rows(first, count));
    then({.row = first, .column = 0, .rows = count, .columns = z.columns});
  });
}

// Z = X·Wᵀ + b  ⇒  dW = dZᵀ·X,  db = Σ_rows dZ. A tile of dW has some units as its
// rows; who makes the first tile of these units sums their dZ too.
void Dense::BackwardParameters(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                               const DenseGradient& gradient, Epilogue then_dw, Epilogue then_db) {
  const auto sum_bias = [&](int64_t first, int64_t count) {
    if (gradient.db.empty()) return;
    SumBias(dz, gradient, first, count);
    then_db({.row = 0, .column = first, .rows = 1, .columns = count});
  };
  if (gradient.dw.data == nullptr) return sum_bias(0, dz.columns);
  ParallelGemm(executor, Transpose::kYes, Transpose::kNo, gradient.scale, dz, x, gradient.keep,
               gradient.dw, [&](const Tile& tile) {
                 then_dw(tile);
                 if (tile.column == 0) sum_bias(tile.row, tile.rows);
               });
}

// Z = X·Wᵀ + b  ⇒  dX = dZ·W.
void Dense::BackwardInputs(const Executor& executor, ConstMatrixView dz, MatrixView dx,
                           Epilogue then) const {
  ParallelGemm(executor, Transpose::kNo, Transpose::kNo, 1.0F, dz, weights_, 0.0F, dx, then);
}

void Dense::Forward(const Executor& executor, ConstMatrixView x, MatrixView z, MatrixView a) const {
  Forward(executor, x, z, a, [](const Tile&) {});
}

void Dense::BackwardParameters(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                               const DenseGradient& gradient) {
  const auto nothing = [](const Tile&) {};
  BackwardParameters(executor, x, dz, gradient, nothing, nothing);
}

}  // namespace chainrule::engine
