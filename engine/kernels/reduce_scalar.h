// The naive twins of reduce.h, summing in double.  Thread-safe: functions of their
// arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_REDUCE_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_REDUCE_SCALAR_H_

#include <optional>
#include <span>

#include "engine/core/matrix.h"
#include "engine/kernels/reduce.h"

namespace chainrule::engine::scalar {

void ColumnSums(float alpha, ConstMatrixView x, float beta, std::span<float> sums);
void ScaleRows(std::span<const float> weights, MatrixView x);
double SquaredNorm(ConstMatrixView x);
std::optional<Position> FindNonFinite(ConstMatrixView x);
double AddPenalty(float l1, float l2, ConstMatrixView w, MatrixView gradient);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_REDUCE_SCALAR_H_
