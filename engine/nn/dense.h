// Dense: a fully connected layer, Z = X·Wᵀ + b, A = f(Z).  Row-major float32.
//   X: [batch × inputs]   W: [units × inputs]   b: [units]   Z, A: [batch × units]
// and its gradient, where dq is ∂C/∂q and has the shape of q:
//   dW = dZᵀ·X    db = Σ_rows dZ    dX = dZ·W    dZ = dA ∘ f'(Z)
// Views only: the parameters are borrowed.
// Thread-safe: immutable once created; a call writes only to its arguments.
#ifndef CHAINRULE_ENGINE_NN_DENSE_H_
#define CHAINRULE_ENGINE_NN_DENSE_H_

#include <span>

#include "absl/functional/function_ref.h"
#include "engine/blas/parallel_gemm.h"
#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/kernels/activation.h"

namespace chainrule::engine {

// What is done to a tile of a result right after it was computed, while it is warm.
using Epilogue = absl::FunctionRef<void(const Tile&)>;

// Where a layer's parameter gradient goes: d ← scale·(of this call) + keep·d. What is
// empty (data null) is not computed.
struct DenseGradient {
  MatrixView dw = {};        // [units × inputs]
  std::span<float> db = {};  // [units]
  float scale = 1.0F;        // 1/m, or 1/Σw
  float keep = 0.0F;         // 0: overwrite; 1: add to what earlier rows gave
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

  // dw ← scale·dzᵀ·x + keep·dw; db ← scale·Σ_rows dz + keep·db. `x` is what Forward saw.
  // `then_dw` is called for every tile of dw, `then_db` for every part of db (a tile of
  // one row).
  static void BackwardParameters(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                                 const DenseGradient& gradient, Epilogue then_dw, Epilogue then_db);
  static void BackwardParameters(const Executor& executor, ConstMatrixView x, ConstMatrixView dz,
                                 const DenseGradient& gradient);

  // dx ← dz·W, then `then` for every tile of dx.
  void BackwardInputs(const Executor& executor, ConstMatrixView dz, MatrixView dx,
                      Epilogue then) const;

 private:
  ConstMatrixView weights_;
  std::span<const float> bias_;
  ActivationFunction activation_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_DENSE_H_
