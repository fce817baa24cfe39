#include "engine/blas/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "engine/core/check.h"

namespace chainrule::engine {
namespace {

// BLAS's sizes are int; limits keep ours far below.
blasint Size(int64_t size) {
  CHAINRULE_CHECK(size >= 0 && size <= std::numeric_limits<blasint>::max());
  return static_cast<blasint>(size);
}

// CBLAS wants a stride of at least the width also where there is one row only.
blasint Stride(int64_t stride, int64_t columns) {
  return Size(std::max<int64_t>({stride, columns, 1}));
}

CBLAS_TRANSPOSE CblasTranspose(Transpose transpose) {
  return transpose == Transpose::kYes ? CblasTrans : CblasNoTrans;
}

int64_t InnerSize(Transpose transpose_a, Transpose transpose_b, ConstMatrixView a,
                  ConstMatrixView b, MatrixView c) {
  const bool a_turned = transpose_a == Transpose::kYes;
  const bool b_turned = transpose_b == Transpose::kYes;
  const int64_t inner = a_turned ? a.rows : a.columns;
  CHAINRULE_CHECK((a_turned ? a.columns : a.rows) == c.rows);
  CHAINRULE_CHECK((b_turned ? b.columns : b.rows) == inner);
  CHAINRULE_CHECK((b_turned ? b.rows : b.columns) == c.columns);
  return inner;
}

// c ← beta·c
void Scale(float beta, MatrixView c) {
  for (int64_t i = 0; i < c.rows; ++i) {
    for (float& element : c.row(i)) element = beta == 0.0F ? 0.0F : beta * element;
  }
}

}  // namespace

void Gemm(Transpose transpose_a, Transpose transpose_b, float alpha, ConstMatrixView a,
          ConstMatrixView b, float beta, MatrixView c) {
  const int64_t inner = InnerSize(transpose_a, transpose_b, a, b, c);
  if (c.rows == 0 || c.columns == 0) return;
  if (inner == 0) return Scale(beta, c);
  cblas_sgemm(CblasRowMajor, CblasTranspose(transpose_a), CblasTranspose(transpose_b), Size(c.rows),
              Size(c.columns), Size(inner), alpha, a.data, Stride(a.stride, a.columns), b.data,
              Stride(b.stride, b.columns), beta, c.data, Stride(c.stride, c.columns));
}

void NaiveGemm(Transpose transpose_a, Transpose transpose_b, float alpha, ConstMatrixView a,
               ConstMatrixView b, float beta, MatrixView c) {
  const int64_t inner = InnerSize(transpose_a, transpose_b, a, b, c);
  const bool a_turned = transpose_a == Transpose::kYes;
  const bool b_turned = transpose_b == Transpose::kYes;
  for (int64_t i = 0; i < c.rows; ++i) {
    for (int64_t j = 0; j < c.columns; ++j) {
      double sum = 0.0;
      for (int64_t k = 0; k < inner; ++k) {
        sum += double{a_turned ? a(k, i) : a(i, k)} * double{b_turned ? b(j, k) : b(k, j)};
      }
      const double before = beta == 0.0F ? 0.0 : double{beta} * double{c(i, j)};
      c(i, j) = static_cast<float>(double{alpha} * sum + before);
    }
  }
}

}  // namespace chainrule::engine
