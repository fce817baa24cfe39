#include "engine/kernels/reduce_scalar.h"

#include <cmath>

namespace chainrule::engine::scalar {

void ColumnSums(float alpha, ConstMatrixView x, float beta, std::span<float> sums) {
  for (int64_t j = 0; j < x.columns; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < x.rows; ++i) sum += static_cast<double>(x(i, j));
    float& out = sums[static_cast<size_t>(j)];
    const double old = beta == 0 ? 0 : static_cast<double>(beta) * static_cast<double>(out);
    out = static_cast<float>(old + static_cast<double>(alpha) * sum);
  }
}

void ScaleRows(std::span<const float> weights, MatrixView x) {
  for (int64_t i = 0; i < x.rows; ++i) {
    for (float& value : x.row(i)) value *= weights[static_cast<size_t>(i)];
  }
}

double SquaredNorm(ConstMatrixView x) {
  double sum = 0;
  for (int64_t i = 0; i < x.rows; ++i) {
    for (const float value : x.row(i)) {
      sum += static_cast<double>(value) * static_cast<double>(value);
    }
  }
  return sum;
}

std::optional<Position> FindNonFinite(ConstMatrixView x) {
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < x.columns; ++j) {
      if (!std::isfinite(x(i, j))) return Position{i, j};
    }
  }
  return std::nullopt;
}

double AddPenalty(float l1, float l2, ConstMatrixView w, MatrixView gradient) {
  const auto l1d = static_cast<double>(l1);
  const auto l2d = static_cast<double>(l2);
  double penalty = 0;
  for (int64_t i = 0; i < w.rows; ++i) {
    for (int64_t j = 0; j < w.columns; ++j) {
      const auto value = static_cast<double>(w(i, j));
      const double sign = value > 0 ? 1.0 : value < 0 ? -1.0 : 0.0;
      penalty += l1d * std::abs(value) + 0.5 * l2d * value * value;
      gradient(i, j) =
          static_cast<float>(static_cast<double>(gradient(i, j)) + l1d * sign + l2d * value);
    }
  }
  return penalty;
}

}  // namespace chainrule::engine::scalar
