// Initial weights.  With n_in the inputs of a layer and n_out its units:
//   XAVIER_UNIFORM  U(−r, r), r = √(6/(n_in + n_out))
//   XAVIER_NORMAL   N(0, 2/(n_in + n_out))
//       X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
//       feedforward neural networks", AISTATS 2010, eq. 16 and 12.
//   HE_UNIFORM      U(−r, r), r = √(6/n_in)
//   HE_NORMAL       N(0, 2/n_in)
//       K. He et al., "Delving deep into rectifiers", ICCV 2015, eq. 10.
//   ZEROS           0
// Thread-safe: a function of its arguments.
#ifndef CHAINRULE_ENGINE_NN_INITIALIZER_H_
#define CHAINRULE_ENGINE_NN_INITIALIZER_H_

#include "engine/core/matrix.h"
#include "engine/core/random.h"
#include "engine/nn/spec.h"

namespace chainrule::engine {

// weights: [units × inputs]. Element k, counted by rows, is made from number k of
// the stream alone, so the order in which they are written does not matter.
void InitializeWeights(Initializer initializer, const RandomStream& stream, MatrixView weights);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_NN_INITIALIZER_H_
