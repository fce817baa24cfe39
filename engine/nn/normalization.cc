#include "engine/nn/normalization.h"

#include "engine/kernels/columns.h"

namespace chainrule::engine {

void Standardizer::Apply(MatrixView x) const {
  if (empty()) return;
  for (int64_t i = 0; i < x.rows; ++i) Standardize(mean, scale, x.row(i));
}

void Standardizer::Invert(MatrixView x) const {
  if (empty()) return;
  for (int64_t i = 0; i < x.rows; ++i) Destandardize(mean, scale, x.row(i));
}

void Standardizer::Unscale(MatrixView d) const {
  if (empty()) return;
  for (int64_t i = 0; i < d.rows; ++i) engine::Unscale(scale, d.row(i));
}

}  // namespace chainrule::engine
