// The chain of derivatives over a whole network: forward from the inputs to the
// loss, backward from the loss to every parameter.
//   Forward         Z[l] = X[l]·W[l]ᵀ + b[l],  A[l] = f(Z[l]),  X[l+1] = A[l]
//   LossGradient    loss_i, dZ[L]
//   Backward        dW[l] = 1/m · dZ[l]ᵀ·X[l],  db[l] = 1/m · Σ_rows dZ[l],
//                   dZ[l−1] = (dZ[l]·W[l]) ∘ f'(Z[l−1])
// Between them the caller may change dZ[L], as for sample weights; all that follows
// is linear in it.  Matrices stand in the workspace, examples as rows.
// Thread-safe: immutable; a call writes only to its arguments.
#ifndef CHAINRULE_ENGINE_NN_CHAIN_H_
#define CHAINRULE_ENGINE_NN_CHAIN_H_

#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "engine/core/executor.h"
#include "engine/core/random.h"
#include "engine/nn/dense.h"
#include "engine/nn/network.h"
#include "engine/nn/workspace.h"

namespace chainrule::engine {

// What drops activations: the stream of this step, and where in the mini-batch the
// pass's first row stands.
struct ChainDropout {
  RandomStream stream;
  int64_t first_row = 0;
};

// What is given elements [first, first + part.size()) of a gradient block when they are
// complete, on the thread that completed them, while they are warm. May be called from
// several threads at a time, with different elements.
using GradientPart = absl::FunctionRef<void(int64_t first, std::span<const float> part)>;

class Chain {
 public:
  // Both are borrowed.
  Chain(const Network& network, const Executor& executor)
      : network_(network), executor_(executor) {}

  Dense layer(std::span<const float> parameters, int64_t layer) const;

  // Reads inputs(rows), writes z, a and output of every layer. `dropout` is null exactly
  // if the workspace was made without room for masks.
  void Forward(std::span<const float> parameters, int64_t rows, const ChainDropout* dropout,
               Workspace* workspace) const;

  // After Forward, from targets(rows): row_loss(rows), each example's own, and dz of
  // the last layer, by each example's own loss.
  void LossGradient(int64_t rows, Workspace* workspace) const;

  // After LossGradient: gradient ← scale·(this pass's) + keep·gradient, a block laid
  // out as the parameters. dz of the layers below is overwritten. `then` is given parts
  // that together are all weights and biases, each once.
  void Backward(std::span<const float> parameters, int64_t rows, float scale, float keep,
                Workspace* workspace, std::span<float> gradient, GradientPart then) const;
  void Backward(std::span<const float> parameters, int64_t rows, float scale, float keep,
                Workspace* workspace, std::span<float> gradient) const;
  // The same with keep = 0 for who wants the parts alone: they are in `scratch`, and
  // `gradient` holds nothing afterwards.
  void BackwardInParts(std::span<const float> parameters, int64_t rows, float scale,
                       Workspace* workspace, TileScratch* scratch, std::span<float> gradient,
                       GradientPart then) const;

 private:
  const LayerSpec& spec(int64_t layer) const;
  void DropTile(const ChainDropout& dropout, int64_t layer, const Tile& tile, int64_t rows,
                Workspace* workspace) const;
  void BackwardLayer(std::span<const float> parameters, int64_t layer, int64_t rows,
                     const DenseGradient& gradient, Workspace* workspace, GradientPart then) const;
  void TellWeights(int64_t layer, const Tile& tile, MatrixView part, GradientPart then) const;
  void BackwardActivation(int64_t layer, const Tile& tile, MatrixView dz, int64_t rows,
                          Workspace* workspace) const;

  const Network& network_;
  const Executor& executor_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_CHAIN_H_
