// OutputGradient: ∂(an example's own loss)/∂a of the last layer, for those who look at
// the chain.  Training never needs it where the loss cancels the activation.
//   BINARY_CROSS_ENTROPY       −y/a + (1−y)/(1−a) = −y·(1+e^(−z)) + (1−y)·(1+e^z)
//   CATEGORICAL_CROSS_ENTROPY  −y/a = −y·e^(ln Σ e^z − z)
//   MEAN_SQUARED_ERROR, HUBER  as in kernels/loss.h
// Thread-safe: a function of its arguments.
#ifndef CHAINRULE_ENGINE_TRAIN_OUTPUT_GRADIENT_H_
#define CHAINRULE_ENGINE_TRAIN_OUTPUT_GRADIENT_H_

#include "engine/core/matrix.h"
#include "engine/kernels/loss.h"

namespace chainrule::engine {

// All [rows × outputs]. What no float32 holds is held to ±FLT_MAX.
void OutputGradient(LossFunction function, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                    MatrixView da);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_OUTPUT_GRADIENT_H_
