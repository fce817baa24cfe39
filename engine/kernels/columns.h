// Passes over a row that take one number a column: standardising, and the sums in double
// that means are made of. One SIMD pass each, with scalar twins in columns_scalar.h that
// agree to the bit on every target: each operation is rounded by itself.
// All spans of a call have one length. Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_COLUMNS_H_
#define CHAINRULE_ENGINE_KERNELS_COLUMNS_H_

#include <span>

namespace chainrule::engine {

// x ← (x − mean)/scale
void Standardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x);
// x ← (x − mean)·inverse_scale
void StandardizeByInverse(std::span<const float> mean, std::span<const float> inverse_scale,
                          std::span<float> x);
// x ← x·scale + mean
void Destandardize(std::span<const float> mean, std::span<const float> scale, std::span<float> x);
// x ← x/scale
void Unscale(std::span<const float> scale, std::span<float> x);

// sums ← factor·x
void SetScaled(double factor, std::span<const float> x, std::span<double> sums);
// sums ← sums + factor·x
void AddScaled(double factor, std::span<const float> x, std::span<double> sums);
// quotients ← sums/divisor, as float32
void Divide(std::span<const double> sums, double divisor, std::span<float> quotients);

// One more row x of a sample: with δ = x − mean and share = 1/(rows so far, and this one),
//   mean ← mean + share·δ,  deviations ← deviations + δ·(x − the new mean)
// (B. P. Welford, Technometrics 4, 1962).
void AddToMoments(std::span<const float> x, double share, std::span<double> mean,
                  std::span<double> deviations);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_COLUMNS_H_
