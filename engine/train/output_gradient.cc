#include "engine/train/output_gradient.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace chainrule::engine {
namespace {

float Held(double value) {
  constexpr auto kLargest = static_cast<double>(std::numeric_limits<float>::max());
  return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

// ln Σ e^z.
double LogSumExp(std::span<const float> z) {
  const auto highest = static_cast<double>(*std::max_element(z.begin(), z.end()));
  double sum = 0;
  for (const float value : z) sum += std::exp(static_cast<double>(value) - highest);
  return highest + std::log(sum);
}

// Where y is 0 the term is 0, however large its factor.
double Times(double y, double factor) { return y == 0.0 ? 0.0 : y * factor; }

void BinaryRow(std::span<const float> z, std::span<const float> y, std::span<float> da) {
  for (size_t j = 0; j < z.size(); ++j) {
    const auto logit = static_cast<double>(z[j]);
    const auto target = static_cast<double>(y[j]);
    da[j] =
        Held(Times(1.0 - target, 1.0 + std::exp(logit)) - Times(target, 1.0 + std::exp(-logit)));
  }
}

void CategoricalRow(std::span<const float> z, std::span<const float> y, std::span<float> da) {
  const double normalizer = LogSumExp(z);
  for (size_t j = 0; j < z.size(); ++j) {
    const double inverse = std::exp(normalizer - static_cast<double>(z[j]));
    da[j] = Held(-Times(static_cast<double>(y[j]), inverse));
  }
}

}  // namespace

void OutputGradient(LossFunction function, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                    MatrixView da) {
  if (!GradientIsByZ(function.kind)) {
    std::vector<double> row_loss(static_cast<size_t>(z.rows));
    return LossAndGradient(function, z, a, y, row_loss, da);
  }
  for (int64_t i = 0; i < z.rows; ++i) {
    if (function.kind == Loss::kBinaryCrossEntropy) {
      BinaryRow(z.row(i), y.row(i), da.row(i));
    } else {
      CategoricalRow(z.row(i), y.row(i), da.row(i));
    }
  }
}

}  // namespace chainrule::engine
