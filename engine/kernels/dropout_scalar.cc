#include "engine/kernels/dropout_scalar.h"

namespace chainrule::engine::scalar {

void DropoutMask(const DropoutLayer& layer, int64_t row, int64_t unit, MatrixView mask) {
  const float kept = 1.0F / (1.0F - layer.probability);
  for (int64_t i = 0; i < mask.rows; ++i) {
    for (int64_t j = 0; j < mask.columns; ++j) {
      const float u = layer.stream->Uniform(layer.IndexOf(row + i, unit + j));
      mask(i, j) = u < layer.probability ? 0.0F : kept;
    }
  }
}

void Multiply(ConstMatrixView a, ConstMatrixView b, MatrixView product) {
  for (int64_t i = 0; i < product.rows; ++i) {
    for (int64_t j = 0; j < product.columns; ++j) product(i, j) = a(i, j) * b(i, j);
  }
}

}  // namespace chainrule::engine::scalar
