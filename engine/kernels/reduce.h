// Sums in a fixed order, and the scans that look at every element once.
// The order depends on the shape alone.  Scalar twins in reduce_scalar.h.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_REDUCE_H_
#define CHAINRULE_ENGINE_KERNELS_REDUCE_H_

#include <cstdint>
#include <optional>
#include <span>

#include "engine/core/matrix.h"

namespace chainrule::engine {

// sums[j] ← beta·sums[j] + alpha·Σ_rows x(i, j).
void ColumnSums(float alpha, ConstMatrixView x, float beta, std::span<float> sums);

// Row i of x ← weights[i] · row i.
void ScaleRows(std::span<const float> weights, MatrixView x);

// Σ x², accumulated in double. Not finite if an element is not.
double SquaredNorm(std::span<const float> x);
double SquaredNorm(ConstMatrixView x);

// Where the first element that is NaN or infinite stands, by rows.
struct Position {
  int64_t row = 0;
  int64_t column = 0;
};
std::optional<Position> FindNonFinite(ConstMatrixView x);

// gradient += l1·sign(w) + l2·w; returns the penalty l1·Σ|w| + ½·l2·Σw² and adds
// nothing where both are 0.  w, gradient: the same shape.
double AddPenalty(float l1, float l2, ConstMatrixView w, MatrixView gradient);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_REDUCE_H_
