// Dense: a fully connected layer, Z = X·Wᵀ + b, A = f(Z).  Row-major float32.
//   X: [batch × inputs]   W: [units × inputs]   b: [units]   Z, A: [batch × units]
// and its gradient, where dq is ∂C/∂q and has the shape of q:
//   dW = dZᵀ·X    db = Σ_rows dZ    dX = dZ·W    dZ = dA ∘ f'(Z)
// Views only: the parameters are borrowed.
// Thread-safe: immutable once created; a call writes only to its arguments.
#ifndef CHAINRULE_ENGINE_NN_DENSE_H_
#define CHAINRULE_ENGINE_NN_DENSE_H_

#include <span>

#include "engine/blas/parallel_gemm.h"
#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/kernels/activation.h"

namespace chainrule::engine {

// Where a layer's parameter gradient goes: d ← scale·(of this call) + keep·d. What is
// empty (data null) is not computed.
struct DenseGradient {
  MatrixView dw = {};        // [units × inputs]
  std::span<float> db = {};  // [units]
  float scale = 1.0F;        // 1/m, or 1/Σw
  float keep = 0.0F;         // 0: overwrite; 1: add to what earlier rows gave
  // Not null: tiles of dw are computed here, given to the epilogue and not kept; dw is
  // their shape and stride alone, and keep is 0.
  TileScratch* scratch = nullptr;
};

// What is told of a layer's gradients, tile by tile; a part of db is a tile of one row.
struct DenseEpilogues {
  Epilogue dw;
  Epilogue db;
  Epilogue dx;
};

class Dense {
 public:
  Dense(ConstMatrixView weights, std::span<const float> bias, ActivationFunction activation)
      : weights_(weights), bias_(bias), activation_(activation) {}

  // z ← x·Wᵀ + b; a ← f(z). `a` may be `z`, which then holds the activations.
  // `then` is called for every tile of a once it is written.
  void Forward(const Executor& executor, ConstMatrixView x, MatrixView z, MatrixView a,
               Epilogue then) const;
  void Forward(const Executor& executor, ConstMatrixView x, MatrixView z, MatrixView a) const;

  // dw ← scale·dzᵀ·x + keep·dw; db ← scale·Σ_rows dz + keep·db; dx ← dz·W, where dx has
  // data. `x` is what Forward saw.
  void Backward(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                const DenseGradient& gradient, MatrixView dx, const DenseEpilogues& then) const;
  // Its two halves.
  void BackwardParameters(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                          const DenseGradient& gradient) const;
  void BackwardInputs(const Executor& executor, ConstMatrixView dz, MatrixView dx) const;

 private:
  // z ← x·Wᵀ.
  void Multiply(const Executor& executor, ConstMatrixView x, MatrixView z, Epilogue then) const;

  ConstMatrixView weights_;
  std::span<const float> bias_;
  ActivationFunction activation_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_DENSE_H_
