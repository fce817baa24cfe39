#include "engine/kernels/loss_scalar.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace chainrule::engine::scalar {
namespace {

double BinaryCrossEntropy(double z, double y) {
  return std::max(z, 0.0) - z * y + std::log1p(std::exp(-std::abs(z)));
}

double CategoricalCrossEntropy(std::span<const double> z, std::span<const double> y) {
  const double maximum = z.empty() ? 0.0 : *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double value : z) sum += std::exp(value - maximum);
  double loss = 0;
  for (size_t j = 0; j < z.size(); ++j) loss += y[j] * (std::log(sum) + (maximum - z[j]));
  return loss;
}

double Huber(double error, double delta) {
  const double magnitude = std::abs(error);
  return magnitude <= delta ? 0.5 * error * error : delta * (magnitude - 0.5 * delta);
}

double OutputLoss(LossFunction function, double z, double a, double y) {
  switch (function.kind) {
    case Loss::kBinaryCrossEntropy:
      return BinaryCrossEntropy(z, y);
    case Loss::kMeanSquaredError:
      return (a - y) * (a - y);
    case Loss::kHuber:
      return Huber(a - y, static_cast<double>(function.huber_delta));
    case Loss::kCategoricalCrossEntropy:
      break;
  }
  return 0;
}

// (1−y)·σ(z) − y·σ(−z)
double BinaryGradient(double z, double y) {
  return (1 - y) / (1 + std::exp(-z)) - y / (1 + std::exp(z));
}

// (Σy − y)·p − y·Σ p of the others
double CategoricalGradient(std::span<const double> z, std::span<const double> y, size_t j) {
  const double maximum = *std::max_element(z.begin(), z.end());
  double beside = 0;
  double target_sum = 0;
  for (size_t k = 0; k < z.size(); ++k) {
    if (k != j) beside += std::exp(z[k] - maximum);
    target_sum += y[k];
  }
  const double own = std::exp(z[j] - maximum);
  return ((target_sum - y[j]) * own - y[j] * beside) / (own + beside);
}

std::vector<double> RowAsDouble(ConstMatrixView x, int64_t row) {
  if (x.data == nullptr) return {};
  return {x.row(row).begin(), x.row(row).end()};
}

}  // namespace

double ExampleLoss(LossFunction function, std::span<const double> z, std::span<const double> a,
                   std::span<const double> y) {
  if (function.kind == Loss::kCategoricalCrossEntropy) return CategoricalCrossEntropy(z, y);
  double loss = 0;
  for (size_t j = 0; j < y.size(); ++j) {
    loss += OutputLoss(function, z.empty() ? 0 : z[j], a.empty() ? 0 : a[j], y[j]);
  }
  return loss;
}

void ExampleGradient(LossFunction function, std::span<const double> z, std::span<const double> a,
                     std::span<const double> y, std::span<double> gradient) {
  const auto delta = static_cast<double>(function.huber_delta);
  for (size_t j = 0; j < y.size(); ++j) {
    switch (function.kind) {
      case Loss::kBinaryCrossEntropy:
        gradient[j] = BinaryGradient(z[j], y[j]);
        break;
      case Loss::kCategoricalCrossEntropy:
        gradient[j] = CategoricalGradient(z, y, j);
        break;
      case Loss::kMeanSquaredError:
        gradient[j] = 2 * (a[j] - y[j]);
        break;
      case Loss::kHuber:
        gradient[j] = std::clamp(a[j] - y[j], -delta, delta);
        break;
    }
  }
}

void LossAndGradient(LossFunction function, ConstMatrixView z, ConstMatrixView a, ConstMatrixView y,
                     std::span<double> row_loss, MatrixView gradient) {
  std::vector<double> derivative(static_cast<size_t>(y.columns));
  for (int64_t i = 0; i < y.rows; ++i) {
    const std::vector<double> logits = RowAsDouble(z, i);
    const std::vector<double> outputs = RowAsDouble(a, i);
    const std::vector<double> targets = RowAsDouble(y, i);
    row_loss[static_cast<size_t>(i)] = ExampleLoss(function, logits, outputs, targets);
    if (gradient.data == nullptr) continue;
    ExampleGradient(function, logits, outputs, targets, derivative);
    for (int64_t j = 0; j < y.columns; ++j) {
      gradient(i, j) = static_cast<float>(derivative[static_cast<size_t>(j)]);
    }
  }
}

}  // namespace chainrule::engine::scalar
