// The naive twins of columns.h. Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_COLUMNS_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_COLUMNS_SCALAR_H_

#include <span>

namespace chainrule::engine::scalar {

void Standardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x);
void StandardizeByInverse(std::span<const float> mean, std::span<const float> inverse_scale,
                          std::span<float> x);
void Destandardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x);
void Unscale(std::span<const float> scale, std::span<float> x);
void SetScaled(double factor, std::span<const float> x, std::span<double> sums);
void AddScaled(double factor, std::span<const float> x, std::span<double> sums);
void Divide(std::span<const double> sums, double divisor, std::span<float> quotients);
void AddToMoments(std::span<const float> x, double share, std::span<double> mean,
                  std::span<double> deviations);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_COLUMNS_SCALAR_H_
