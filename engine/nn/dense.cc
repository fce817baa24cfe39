#include "engine/nn/dense.h"

#include <utility>

#include "engine/kernels/reduce.h"
#include "engine/nn/product_kernels.h"
#include "engine/nn/row_blocks.h"

namespace chainrule::engine {
namespace {

std::span<const float> Part(std::span<const float> bias, const Tile& tile) {
  return bias.subspan(static_cast<size_t>(tile.column), static_cast<size_t>(tile.columns));
}

constexpr auto kNothing = [](const Tile&, MatrixView) {};

}  // namespace

// Z = X·Wᵀ + b, A = f(Z).
void Dense::Forward(const Executor& executor, ConstMatrixView x, MatrixView z, MatrixView a,
                    Epilogue then) const {
  if (activation_.kind != Activation::kSoftmax) {
    return Multiply(executor, x, z, [&](const Tile& tile, MatrixView part) {
      const MatrixView active = TileOf(a, tile);
      AddBiasActivate(activation_, Part(bias_, tile), part, active);
      then(tile, active);
    });
  }
  // A softmax needs whole rows, which a tile may not hold.
  Multiply(executor, x, z, kNothing);
  ForRowBlocks(executor, z.rows, z.columns, [&](int64_t first, int64_t count) {
    AddBiasActivate(activation_, bias_, z.Rows(first, count), a.Rows(first, count));
    then({.row = first, .column = 0, .rows = count, .columns = z.columns}, a.Rows(first, count));
  });
}

void Dense::Multiply(const Executor& executor, ConstMatrixView x, MatrixView z,
                     Epilogue then) const {
  const Product product{.transpose_b = Transpose::kYes,
                        .a = x,
                        .b = weights_,
                        .c = z,
                        .epilogue = then,
                        .kernel = ForwardKernel(z.rows, z.columns, x.columns)};
  ParallelGemm(executor, std::span(&product, 1));
}

// Z = X·Wᵀ + b  ⇒  dW = dZᵀ·X,  db = Σ_rows dZ,  dX = dZ·W. A tile of dW has some units
// as its rows; who makes the first tile of these units sums their dZ too. dX comes first:
// the layer below waits for it.
void Dense::Backward(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                     const DenseGradient& gradient, MatrixView dx,
                     const DenseEpilogues& then) const {
  const auto sum_bias = [&](int64_t first, int64_t count) {
    if (gradient.db.empty()) return;
    const MatrixView db(gradient.db.data() + first, 1, count);
    ColumnSums(gradient.scale, dz.Block(0, first, dz.rows, count), gradient.keep, db.row(0));
    then.db({.row = 0, .column = first, .rows = 1, .columns = count}, db);
  };
  const auto after_dw = [&](const Tile& tile, MatrixView part) {
    then.dw(tile, part);
    if (tile.column == 0) sum_bias(tile.row, tile.rows);
  };
  const auto [units, inputs] = std::pair(weights_.rows, weights_.columns);
  const Product products[] = {{.a = dz,
                               .b = weights_,
                               .c = dx,
                               .epilogue = then.dx,
                               .kernel = InputGradientKernel(dz.rows, units, inputs)},
                              {.transpose_a = Transpose::kYes,
                               .alpha = gradient.scale,
                               .a = dz,
                               .b = x,
                               .beta = gradient.keep,
                               .c = gradient.dw,
                               .epilogue = after_dw,
                               .scratch = gradient.scratch,
                               .kernel = WeightGradientKernel(dz.rows, units, inputs)}};
  std::span<const Product> wanted(products);
  if (gradient.dw.data == nullptr) {
    sum_bias(0, dz.columns);
    wanted = wanted.first(1);
  }
  if (dx.data == nullptr) wanted = wanted.subspan(1);
  ParallelGemm(executor, wanted);
}

void Dense::BackwardParameters(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                               const DenseGradient& gradient) const {
  Backward(executor, x, dz, gradient, {}, {kNothing, kNothing, kNothing});
}

void Dense::BackwardInputs(const Executor& executor, ConstMatrixView dz, MatrixView dx) const {
  Backward(executor, {}, dz, {}, dx, {kNothing, kNothing, kNothing});
}

void Dense::Forward(const Executor& executor, ConstMatrixView x, MatrixView z, MatrixView a) const {
  Forward(executor, x, z, a, kNothing);
}

}  // namespace chainrule::engine
