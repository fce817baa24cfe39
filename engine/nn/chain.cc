#include "engine/nn/chain.h"

#include "engine/kernels/activation.h"
#include "engine/kernels/dropout.h"
#include "engine/kernels/loss.h"
#include "engine/nn/row_blocks.h"

namespace chainrule::engine {
const LayerSpec& Chain::spec(int64_t layer) const {
  return network_.spec().layers[static_cast<size_t>(layer)];
}

Dense Chain::layer(std::span<const float> parameters, int64_t layer) const {
  return {network_.weights(parameters, layer), network_.bias(parameters, layer),
          spec(layer).activation};
}

// Z[l] = X[l]·W[l]ᵀ + b[l],  A[l] = f(Z[l]),  X[l+1] = A[l], or A[l] ∘ mask[l].
void Chain::Forward(std::span<const float> parameters, int64_t rows, const ChainDropout* dropout,
                    Workspace* workspace) const {
  for (int64_t l = 0; l < network_.layer_count(); ++l) {
    const bool drops = dropout != nullptr && workspace->mask(l, rows).data != nullptr;
    layer(parameters, l)
        .Forward(executor_, workspace->input(l, rows), workspace->z(l, rows), workspace->a(l, rows),
                 [&](const Tile& tile, MatrixView) {
                   if (drops) DropTile(*dropout, l, tile, rows, workspace);
                 });
  }
}

void Chain::DropTile(const ChainDropout& dropout, int64_t layer, const Tile& tile, int64_t rows,
                     Workspace* workspace) const {
  const DropoutLayer dropped = {.stream = &dropout.stream,
                                .layer = layer,
                                .units = network_.layer_units(layer),
                                .probability = spec(layer).dropout};
  const MatrixView mask = TileOf(workspace->mask(layer, rows), tile);
  DropoutMask(dropped, dropout.first_row + tile.row, tile.column, mask);
  Multiply(TileOf(workspace->a(layer, rows), tile), mask,
           TileOf(workspace->output(layer, rows), tile));
}

// dZ[L] = A[L] − Y where the loss cancels the activation, else dA[L] ∘ f'(Z[L]).
void Chain::LossGradient(int64_t rows, Workspace* workspace) const {
  const int64_t last = network_.layer_count() - 1;
  const LossFunction loss = network_.spec().loss;
  const ConstMatrixView z = workspace->z(last, rows);
  const ConstMatrixView a = workspace->a(last, rows);
  const ConstMatrixView y = workspace->targets(rows);
  const MatrixView dz = workspace->dz(last, rows);
  const std::span<double> row_loss = workspace->row_loss(rows);
  ForRowBlocks(executor_, rows, dz.columns, [&](int64_t first, int64_t count) {
    LossAndGradient(loss, z.Rows(first, count), a.Rows(first, count), y.Rows(first, count),
                    row_loss.subspan(static_cast<size_t>(first), static_cast<size_t>(count)),
                    dz.Rows(first, count));
    if (GradientIsByZ(loss.kind)) return;
    MultiplyByDerivative(spec(last).activation, a.Rows(first, count), z.Rows(first, count),
                         dz.Rows(first, count));
  });
}

// dW[l] = 1/m · dZ[l]ᵀ·X[l],  db[l] = 1/m · Σ_rows dZ[l],
// dZ[l−1] = (dZ[l]·W[l]) ∘ f'(Z[l−1]), the second factor tile by tile.
void Chain::BackwardLayer(std::span<const float> parameters, int64_t l, int64_t rows,
                          const DenseGradient& gradient, Workspace* workspace,
                          GradientPart then) const {
  const auto after_dw = [&](const Tile& tile, MatrixView part) {
    TellWeights(l, tile, part, then);
  };
  const auto after_db = [&](const Tile& tile, MatrixView part) {
    then(network_.bias_offset(l) + tile.column, part.row(0));
  };
  const auto after_dx = [&](const Tile& tile, MatrixView part) {
    BackwardActivation(l - 1, tile, part, rows, workspace);
  };
  layer(parameters, l)
      .Backward(executor_, workspace->input(l, rows), workspace->dz(l, rows), gradient,
                l > 0 ? workspace->dz(l - 1, rows) : MatrixView(), {after_dw, after_db, after_dx});
}

void Chain::Backward(std::span<const float> parameters, int64_t rows, float scale, float keep,
                     Workspace* workspace, std::span<float> gradient, GradientPart then) const {
  for (int64_t l = network_.layer_count() - 1; l >= 0; --l) {
    const DenseGradient part = {.dw = network_.weights(gradient, l),
                                .db = network_.bias(gradient, l),
                                .scale = scale,
                                .keep = keep};
    BackwardLayer(parameters, l, rows, part, workspace, then);
  }
}

void Chain::Backward(std::span<const float> parameters, int64_t rows, float scale, float keep,
                     Workspace* workspace, std::span<float> gradient) const {
  const auto nothing = [](int64_t, std::span<const float>) {};
  Backward(parameters, rows, scale, keep, workspace, gradient, nothing);
}

void Chain::BackwardInParts(std::span<const float> parameters, int64_t rows, float scale,
                            Workspace* workspace, TileScratch* scratch, std::span<float> gradient,
                            GradientPart then) const {
  for (int64_t l = network_.layer_count() - 1; l >= 0; --l) {
    const DenseGradient part = {.dw = network_.weights(gradient, l),
                                .db = network_.bias(gradient, l),
                                .scale = scale,
                                .scratch = scratch};
    BackwardLayer(parameters, l, rows, part, workspace, then);
  }
}

// A tile as runs of the block: one where it has whole rows.
void Chain::TellWeights(int64_t layer, const Tile& tile, MatrixView part, GradientPart then) const {
  const int64_t stride = network_.weights_stride(layer);
  const int64_t first = network_.weights_offset(layer) + tile.row * stride + tile.column;
  if (tile.columns == network_.layer_inputs(layer)) {
    return then(first, {part.data, static_cast<size_t>(tile.rows * stride)});
  }
  for (int64_t i = 0; i < tile.rows; ++i) then(first + i * stride, part.row(i));
}

// On a tile of dX[l+1], which becomes dZ[l]: X[l+1] = A[l] ∘ mask  ⇒  dA[l] = dX[l+1] ∘ mask;
// A[l] = f(Z[l])  ⇒  dZ[l] = dA[l] ∘ f'(Z[l]).
void Chain::BackwardActivation(int64_t layer, const Tile& tile, MatrixView dz, int64_t rows,
                               Workspace* workspace) const {
  const MatrixView mask = workspace->mask(layer, rows);
  if (mask.data != nullptr) Multiply(dz, TileOf(mask, tile), dz);
  MultiplyByDerivative(spec(layer).activation, TileOf(workspace->a(layer, rows), tile),
                       TileOf(workspace->z(layer, rows), tile), dz);
}

}  // namespace chainrule::engine
