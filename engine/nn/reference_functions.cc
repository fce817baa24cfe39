#include "engine/nn/reference_functions.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace chainrule::engine {
namespace {

// ln(1 + e^z), without overflow.
double Softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

// ln Σ e^z.
double LogSumExp(std::span<const double> z) {
  const double highest = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double value : z) sum += std::exp(value - highest);
  return highest + std::log(sum);
}

double Huber(double error, double delta) {
  const double size = std::abs(error);
  return size <= delta ? 0.5 * error * error : delta * (size - 0.5 * delta);
}

}  // namespace

double ReferenceActivation(ActivationFunction function, double z, bool above) {
  switch (function.kind) {
    case Activation::kSigmoid:
      return 1.0 / (1.0 + std::exp(-z));
    case Activation::kTanh:
      return std::tanh(z);
    case Activation::kRelu:
      return above ? z : 0.0;
    case Activation::kLeakyRelu:
      return above ? z : static_cast<double>(function.slope) * z;
    case Activation::kGelu:
      return 0.5 * z * (1.0 + std::erf(z / std::numbers::sqrt2));
    case Activation::kSoftplus:
      return Softplus(z);
    case Activation::kIdentity:
    case Activation::kSoftmax:
      return z;
  }
  return z;
}

void ReferenceSoftmax(std::span<const double> z, std::span<double> a) {
  const double normalizer = LogSumExp(z);
  for (size_t j = 0; j < z.size(); ++j) a[j] = std::exp(z[j] - normalizer);
}

double ReferenceLoss(LossFunction function, std::span<const double> z, std::span<const double> a,
                     std::span<const double> y) {
  const auto delta = static_cast<double>(function.huber_delta);
  const double normalizer = function.kind == Loss::kCategoricalCrossEntropy ? LogSumExp(z) : 0.0;
  double loss = 0;
  for (size_t j = 0; j < y.size(); ++j) {
    switch (function.kind) {
      case Loss::kBinaryCrossEntropy:  // −ln σ(z) = softplus(−z)
        loss += y[j] * Softplus(-z[j]) + (1.0 - y[j]) * Softplus(z[j]);
        break;
      case Loss::kCategoricalCrossEntropy:
        loss += y[j] * (normalizer - z[j]);
        break;
      case Loss::kMeanSquaredError:
        loss += (a[j] - y[j]) * (a[j] - y[j]);
        break;
      case Loss::kHuber:
        loss += Huber(a[j] - y[j], delta);
        break;
    }
  }
  return loss;
}

}  // namespace chainrule::engine
