// Matrices for the tests of products.
#ifndef CHAINRULE_TESTS_ENGINE_BLAS_TEST_MATRICES_H_
#define CHAINRULE_TESTS_ENGINE_BLAS_TEST_MATRICES_H_

#include "engine/blas/gemm.h"
#include "engine/core/matrix.h"
#include "engine/core/random.h"

namespace chainrule::engine {

// Uniform in [−1, 1).
inline Matrix RandomMatrix(int64_t rows, int64_t columns, int64_t seed) {
  const RandomStream stream(seed, RandomPurpose::kInitializer, 0);
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i) {
    matrix.data()[i] = 2.0F * stream.Uniform(static_cast<uint64_t>(i)) - 1.0F;
  }
  return matrix;
}

// x such that op(x) is [rows × columns].
inline Matrix RandomOperand(Transpose transpose, int64_t rows, int64_t columns, int64_t seed) {
  return transpose == Transpose::kYes ? RandomMatrix(columns, rows, seed)
                                      : RandomMatrix(rows, columns, seed);
}

}  // namespace chainrule::engine

#endif  // CHAINRULE_TESTS_ENGINE_BLAS_TEST_MATRICES_H_
