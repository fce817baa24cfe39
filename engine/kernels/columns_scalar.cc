#include "engine/kernels/columns_scalar.h"

#include <cstddef>

namespace chainrule::engine::scalar {

void Standardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x) {
  for (size_t j = 0; j < x.size(); ++j) x[j] = (x[j] - mean[j]) / scale[j];
}

void StandardizeByInverse(std::span<const float> mean, std::span<const float> inverse_scale,
                          std::span<float> x) {
  for (size_t j = 0; j < x.size(); ++j) x[j] = (x[j] - mean[j]) * inverse_scale[j];
}

void Destandardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x) {
  for (size_t j = 0; j < x.size(); ++j) x[j] = x[j] * scale[j] + mean[j];
}

void Unscale(std::span<const float> scale, std::span<float> x) {
  for (size_t j = 0; j < x.size(); ++j) x[j] = x[j] / scale[j];
}

void SetScaled(double factor, std::span<const float> x, std::span<double> sums) {
  for (size_t j = 0; j < x.size(); ++j) sums[j] = factor * static_cast<double>(x[j]);
}

void AddScaled(double factor, std::span<const float> x, std::span<double> sums) {
  for (size_t j = 0; j < x.size(); ++j) sums[j] += factor * static_cast<double>(x[j]);
}

void Divide(std::span<const double> sums, double divisor, std::span<float> quotients) {
  for (size_t j = 0; j < sums.size(); ++j) quotients[j] = static_cast<float>(sums[j] / divisor);
}

void AddToMoments(std::span<const float> x, double share, std::span<double> mean,
                  std::span<double> deviations) {
  for (size_t j = 0; j < x.size(); ++j) {
    const auto value = static_cast<double>(x[j]);
    const double delta = value - mean[j];
    mean[j] += delta * share;
    deviations[j] += delta * (value - mean[j]);
  }
}

}  // namespace chainrule::engine::scalar
