#include "engine/kernels/activation_scalar.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "engine/core/check.h"

namespace chainrule::engine::scalar {
namespace {

double Sigmoid(double z) {
  return z < 0 ? std::exp(z) / (1.0 + std::exp(z)) : 1.0 / (1.0 + std::exp(-z));
}

// Φ
double NormalDistribution(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

// φ
double NormalDensity(double z) {
  return std::exp(-0.5 * z * z) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

// The limits at ±∞ are taken, where z·Φ(z) and z·φ(z) would be ∞·0.
double Gelu(double z) {
  const double distribution = NormalDistribution(z);
  return distribution == 0 ? 0.0 : z * distribution;
}

double GeluDerivative(double z) {
  const double density = NormalDensity(z);
  return NormalDistribution(z) + (density == 0 ? 0.0 : z * density);
}

void SoftmaxRow(std::span<const float> z, std::span<float> a) {
  std::vector<double> values(z.begin(), z.end());
  Softmax(values, values);
  for (size_t j = 0; j < a.size(); ++j) a[j] = static_cast<float>(values[j]);
}

}  // namespace

double ActivationValue(ActivationFunction function, double z) {
  switch (function.kind) {
    case Activation::kSigmoid:
      return Sigmoid(z);
    case Activation::kTanh:
      return std::tanh(z);
    case Activation::kRelu:
      return z < 0 ? 0.0 : z;
    case Activation::kLeakyRelu:
      return z > 0 ? z : static_cast<double>(function.slope) * z;
    case Activation::kGelu:
      return Gelu(z);
    case Activation::kSoftplus:
      return (z < 0 ? 0.0 : z) + std::log1p(std::exp(-std::abs(z)));
    case Activation::kIdentity:
      return z;
    case Activation::kSoftmax:
      break;
  }
  CHAINRULE_CHECK(false);
}

double ActivationDerivative(ActivationFunction function, double z) {
  switch (function.kind) {
    case Activation::kSigmoid:
      return Sigmoid(z) * Sigmoid(-z);
    case Activation::kTanh:
      return 1.0 / (std::cosh(z) * std::cosh(z));
    case Activation::kRelu:
      return z > 0 ? 1.0 : 0.0;
    case Activation::kLeakyRelu:
      return z > 0 ? 1.0 : static_cast<double>(function.slope);
    case Activation::kGelu:
      return GeluDerivative(z);
    case Activation::kSoftplus:
      return Sigmoid(z);
    case Activation::kIdentity:
      return 1.0;
    case Activation::kSoftmax:
      break;
  }
  CHAINRULE_CHECK(false);
}

void Softmax(std::span<const double> z, std::span<double> a) {
  const double maximum = z.empty() ? 0.0 : *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (size_t j = 0; j < z.size(); ++j) {
    a[j] = std::exp(z[j] - maximum);
    sum += a[j];
  }
  for (double& value : a) value /= sum;
}

void AddBiasActivate(ActivationFunction function, std::span<const float> bias, MatrixView z,
                     MatrixView a) {
  for (int64_t i = 0; i < z.rows; ++i) {
    for (int64_t j = 0; j < z.columns; ++j) {
      if (!bias.empty()) z(i, j) += bias[static_cast<size_t>(j)];
      if (function.kind == Activation::kSoftmax) continue;
      a(i, j) = static_cast<float>(ActivationValue(function, static_cast<double>(z(i, j))));
    }
    if (function.kind == Activation::kSoftmax) SoftmaxRow(z.row(i), a.row(i));
  }
}

void MultiplyByDerivative(ActivationFunction function, ConstMatrixView z, MatrixView da) {
  for (int64_t i = 0; i < z.rows; ++i) {
    for (int64_t j = 0; j < z.columns; ++j) {
      const double derivative = ActivationDerivative(function, static_cast<double>(z(i, j)));
      da(i, j) = static_cast<float>(static_cast<double>(da(i, j)) * derivative);
    }
  }
}

}  // namespace chainrule::engine::scalar
