// The only seam to CBLAS: single-precision matrix products on views.
// Thread-safe: functions of their arguments.  OpenBLAS runs on the calling thread
// alone (blas_runtime.h sets that once); parallelism is parallel_gemm.h's.
#ifndef CHAINRULE_ENGINE_BLAS_GEMM_H_
#define CHAINRULE_ENGINE_BLAS_GEMM_H_

#include "engine/core/matrix.h"

namespace chainrule::engine {

enum class Transpose { kNo, kYes };

// c ← alpha·op(a)·op(b) + beta·c.  op(a): [m × k], op(b): [k × n], c: [m × n].
// With beta = 0, c is written and never read. Bits are repeatable for the same
// shapes on the same kind of processor, but not the same for a row in batches of
// different sizes.
void Gemm(Transpose transpose_a, Transpose transpose_b, float alpha, ConstMatrixView a,
          ConstMatrixView b, float beta, MatrixView c);

// The same by definition, three loops in double: what tests compare with.
void NaiveGemm(Transpose transpose_a, Transpose transpose_b, float alpha, ConstMatrixView a,
               ConstMatrixView b, float beta, MatrixView c);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_GEMM_H_
