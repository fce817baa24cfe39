#include "engine/nn/normalization.h"

namespace chainrule::engine {
namespace {

// Calls change(element, mean, scale) for each element of x.
template <typename Change>
void ForEach(const Standardizer& standardizer, MatrixView x, Change change) {
  if (standardizer.empty()) return;
  for (int64_t i = 0; i < x.rows; ++i) {
    float* row = x.row(i).data();
    for (int64_t j = 0; j < x.columns; ++j) {
      const auto column = static_cast<size_t>(j);
      change(row[j], standardizer.mean[column], standardizer.scale[column]);
    }
  }
}

}  // namespace

void Standardizer::Apply(MatrixView x) const {
  ForEach(*this, x, [](float& value, float m, float s) { value = (value - m) / s; });
}

void Standardizer::Invert(MatrixView x) const {
  ForEach(*this, x, [](float& value, float m, float s) { value = value * s + m; });
}

void Standardizer::Unscale(MatrixView d) const {
  ForEach(*this, d, [](float& value, float, float s) { value = value / s; });
}

}  // namespace chainrule::engine
