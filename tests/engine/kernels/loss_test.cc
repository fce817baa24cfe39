#include "engine/kernels/loss.h"

#include <cmath>
#include <string>
#include <vector>

#include "engine/kernels/activation.h"
#include "engine/kernels/activation_scalar.h"
#include "engine/kernels/loss_scalar.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

constexpr Loss kLosses[] = {Loss::kBinaryCrossEntropy, Loss::kCategoricalCrossEntropy,
                            Loss::kMeanSquaredError, Loss::kHuber};

std::string Name(Loss kind) { return "loss " + std::to_string(static_cast<int>(kind)); }

Activation LastActivation(Loss kind) {
  switch (kind) {
    case Loss::kBinaryCrossEntropy:
      return Activation::kSigmoid;
    case Loss::kCategoricalCrossEntropy:
      return Activation::kSoftmax;
    default:
      return Activation::kIdentity;
  }
}

// A batch's outputs and targets that suit a loss, and room for the results.
struct Batch {
  Batch(LossFunction loss, int64_t rows, int64_t columns, int64_t gap, int64_t offset)
      : function(loss),
        z(rows, columns, gap, offset),
        a(rows, columns, gap, offset),
        y(rows, columns, gap, offset),
        gradient(rows, columns, gap, offset),
        losses(static_cast<size_t>(rows), -1.0) {
    z.FillRandom(-4, 4, columns + 1);
    a.FillRandom(-4, 4, columns + 1);
    AddBiasActivate({LastActivation(loss.kind)}, {}, a.view(), a.view());
    y.FillRandom(0, 1, 2);
    if (loss.kind == Loss::kCategoricalCrossEntropy) Normalize();
  }
  void Run() { LossAndGradient(function, z.view(), a.view(), y.view(), losses, gradient.view()); }
  void RunTwin() {
    scalar::LossAndGradient(function, z.view(), a.view(), y.view(), losses, gradient.view());
  }
  // Targets of one example sum to 1.
  void Normalize() {
    for (int64_t i = 0; i < y.view().rows; ++i) {
      float sum = 0;
      for (const float value : y.view().row(i)) sum += value;
      for (float& value : y.view().row(i)) value /= sum;
    }
  }

  LossFunction function;
  GuardedMatrix z, a, y, gradient;
  std::vector<double> losses;
};

class LossTest : public KernelTest {};

TEST_P(LossTest, MatchesTheScalarTwinAtEveryShapeAndAlignment) {
  for (const Loss kind : kLosses) {
    ForEachShape([&](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
      if (columns == 0) return;
      Batch batch({kind, 0.75F}, rows, columns, gap, offset);
      Batch twin({kind, 0.75F}, rows, columns, 0, 0);
      batch.Run();
      twin.RunTwin();
      ASSERT_TRUE(batch.gradient.IsIntact()) << Name(kind) << " columns " << columns;
      for (int64_t i = 0; i < rows; ++i) {
        const double expected = twin.losses[static_cast<size_t>(i)];
        ASSERT_NEAR(batch.losses[static_cast<size_t>(i)], expected, 1e-6 * expected + 1e-7)
            << Name(kind) << " columns " << columns;
        for (int64_t j = 0; j < columns; ++j) {
          ASSERT_NEAR(batch.gradient(i, j), twin.gradient(i, j), 2e-6) << Name(kind);
        }
      }
    });
  }
}

// The loss as a function of what its gradient is by, all in double.
double LossOf(LossFunction function, std::span<const double> x, std::span<const double> y) {
  if (!GradientIsByZ(function.kind)) return scalar::ExampleLoss(function, {}, x, y);
  return scalar::ExampleLoss(function, x, {}, y);
}

TEST_P(LossTest, GradientMatchesCentralDifferences) {
  constexpr double kStep = 1e-5;
  for (const Loss kind : kLosses) {
    Batch batch({kind, 0.75F}, 4, 9, 0, 0);
    batch.Run();
    for (int64_t i = 0; i < 4; ++i) {
      const auto row = GradientIsByZ(kind) ? batch.z.view().row(i) : batch.a.view().row(i);
      const auto targets = batch.y.view().row(i);
      const std::vector<double> y(targets.begin(), targets.end());
      for (int64_t j = 0; j < 9; ++j) {
        std::vector<double> above(row.begin(), row.end());
        std::vector<double> below = above;
        above[static_cast<size_t>(j)] += kStep;
        below[static_cast<size_t>(j)] -= kStep;
        const double difference =
            (LossOf(batch.function, above, y) - LossOf(batch.function, below, y)) / (2 * kStep);
        EXPECT_NEAR(static_cast<double>(batch.gradient(i, j)), difference, 2e-6) << Name(kind);
      }
    }
  }
}

TEST_P(LossTest, ARowsBitsDoNotDependOnTheOtherRowsNorOnGaps) {
  for (const Loss kind : kLosses) {
    for (const int64_t columns : {1, 2, 10, 16, 33}) {
      Batch batch({kind}, 37, columns, 0, 0);
      batch.Run();
      for (int64_t i = 0; i < 37; ++i) {
        Batch alone({kind}, 1, columns, 2, 1);
        alone.z.Fill([&](int64_t, int64_t j) { return batch.z(i, j); });
        alone.a.Fill([&](int64_t, int64_t j) { return batch.a(i, j); });
        alone.y.Fill([&](int64_t, int64_t j) { return batch.y(i, j); });
        alone.Run();
        EXPECT_EQ(alone.losses[0], batch.losses[static_cast<size_t>(i)]) << Name(kind) << columns;
        EXPECT_TRUE(SameBits(alone.gradient.view().row(0), batch.gradient.view().row(i)));
      }
      Batch strided({kind}, 37, columns, 3, 1);
      strided.Run();
      EXPECT_EQ(strided.losses, batch.losses) << Name(kind) << columns;
      EXPECT_TRUE(SameBits(strided.gradient.view(), batch.gradient.view())) << Name(kind);
    }
  }
}

TEST_P(LossTest, WithoutAGradientTheLossesAreTheSame) {
  for (const Loss kind : kLosses) {
    for (const int64_t columns : {1, 10, 33}) {
      Batch batch({kind}, 21, columns, 0, 0);
      batch.Run();
      std::vector<double> losses(21);
      LossAndGradient({kind}, batch.z.view(), batch.a.view(), batch.y.view(), losses, MatrixView());
      EXPECT_EQ(losses, batch.losses) << Name(kind) << columns;
    }
  }
}

// The loss and ∂/∂z of one sigmoid output.
std::pair<double, float> BinaryAt(float z, float y) {
  float a = z;
  float gradient = 0;
  double loss = 0;
  AddBiasActivate({Activation::kSigmoid}, {}, {&a, 1, 1}, {&a, 1, 1});
  LossAndGradient({Loss::kBinaryCrossEntropy}, {&z, 1, 1}, {&a, 1, 1}, {&y, 1, 1}, {&loss, 1},
                  {&gradient, 1, 1});
  return {loss, gradient};
}

TEST_P(LossTest, BinaryCrossEntropyOfSaturatedUnitsIsExactAndFinite) {
  for (const float z : {100.0F, 1e30F}) {
    EXPECT_EQ(BinaryAt(z, 0).first, static_cast<double>(z));
    EXPECT_EQ(BinaryAt(z, 0).second, 1.0F);
    EXPECT_EQ(BinaryAt(-z, 1).first, static_cast<double>(z));
    EXPECT_EQ(BinaryAt(-z, 1).second, -1.0F);
    EXPECT_LT(BinaryAt(z, 1).first, 1e-40);
    EXPECT_NEAR(BinaryAt(z, 1).second, 0.0F, 1e-40F);
    EXPECT_LT(BinaryAt(-z, 0).first, 1e-40);
  }
}

TEST_P(LossTest, SmallBinaryCrossEntropiesKeepTheirDigits) {
  for (const double z : {5.0, 20.0, 50.0}) {
    const double expected = std::log1p(std::exp(-z));
    EXPECT_NEAR(BinaryAt(static_cast<float>(z), 1).first, expected, 1e-6 * expected);
    EXPECT_NEAR(BinaryAt(static_cast<float>(-z), 0).first, expected, 1e-6 * expected);
  }
}

// σ(z) − 1 = −σ(−z)
TEST_P(LossTest, TheGradientOfAConfidentAnswerKeepsItsDigits) {
  for (const double z : {1.0, 8.0, 17.0, 50.0, 80.0}) {
    const double expected = 1.0 / (1.0 + std::exp(z));
    const auto logit = static_cast<float>(z);
    EXPECT_NEAR(BinaryAt(logit, 1).second, -expected, 1e-6 * expected) << z;
    EXPECT_NEAR(BinaryAt(-logit, 0).second, expected, 1e-6 * expected) << z;
  }
}

TEST_P(LossTest, TheGradientOfAConfidentSoftmaxKeepsItsDigits) {
  for (const float top : {1.0F, 9.0F, 20.0F, 60.0F}) {
    const float z[] = {-1.0F, top, 0.5F, -2.0F};
    float a[4];
    float y[] = {0.0F, 1.0F, 0.0F, 0.0F};
    float gradient[4];
    double loss = 0;
    AddBiasActivate({Activation::kSoftmax}, {}, {const_cast<float*>(z), 1, 4}, {a, 1, 4});
    LossAndGradient({Loss::kCategoricalCrossEntropy}, {z, 1, 4}, {a, 1, 4}, {y, 1, 4}, {&loss, 1},
                    {gradient, 1, 4});
    double beside = 0;
    for (const int j : {0, 2, 3}) beside += std::exp(double{z[j]} - double{top});
    EXPECT_NEAR(loss, std::log1p(beside), 1e-6 * beside) << top;
    EXPECT_NEAR(gradient[1], -beside / (1 + beside), 1e-6 * beside) << top;
    EXPECT_EQ(gradient[0], a[0]) << top;
  }
}

TEST_P(LossTest, EqualLogitsShareTheSoftmax) {
  const float z[] = {3.0F, 3.0F, 3.0F};
  const float a[] = {1.0F / 3, 1.0F / 3, 1.0F / 3};
  const float y[] = {1.0F, 0.0F, 0.0F};
  float gradient[3];
  double loss = 0;
  LossAndGradient({Loss::kCategoricalCrossEntropy}, {z, 1, 3}, {a, 1, 3}, {y, 1, 3}, {&loss, 1},
                  {gradient, 1, 3});
  EXPECT_NEAR(loss, std::log(3.0), 1e-7);
  EXPECT_NEAR(gradient[0], -2.0F / 3, 1e-6);
  EXPECT_NEAR(gradient[2], 1.0F / 3, 1e-6);
}

TEST_P(LossTest, CategoricalCrossEntropyOfSaturatedUnitsIsFinite) {
  const float z[] = {1e30F, 0.0F, -1e30F};
  float a[] = {1.0F, 0.0F, 0.0F};
  float gradient[3];
  for (int64_t target = 0; target < 3; ++target) {
    float y[] = {0.0F, 0.0F, 0.0F};
    y[target] = 1.0F;
    double loss = -1;
    LossAndGradient({Loss::kCategoricalCrossEntropy}, {z, 1, 3}, {a, 1, 3}, {y, 1, 3}, {&loss, 1},
                    {gradient, 1, 3});
    EXPECT_NEAR(loss, static_cast<double>(target) * 1e30, 1e24);
    for (int64_t j = 0; j < 3; ++j) EXPECT_EQ(gradient[j], a[j] - y[j]);
  }
}

TEST_P(LossTest, SquaredErrorDoesNotOverflowAFloat) {
  const float a = 1e30F;
  const float y = 0;
  float gradient = 0;
  double loss = 0;
  LossAndGradient({Loss::kMeanSquaredError}, {}, {&a, 1, 1}, {&y, 1, 1}, {&loss, 1},
                  {&gradient, 1, 1});
  EXPECT_NEAR(loss, 1e60, 1e54);
  EXPECT_EQ(gradient, 2e30F);
}

TEST_P(LossTest, HuberIsQuadraticWithinDeltaAndLinearBeyond) {
  const LossFunction huber{Loss::kHuber, 2.0F};
  const float y[] = {0, 0, 0, 0};
  const float a[] = {1, -2, 5, -1e30F};
  float gradient[4];
  double losses[4];
  LossAndGradient(huber, {}, {a, 4, 1}, {y, 4, 1}, losses, {gradient, 4, 1});
  EXPECT_EQ(losses[0], 0.5);
  EXPECT_EQ(losses[1], 2.0);
  EXPECT_EQ(losses[2], 8.0);
  EXPECT_NEAR(losses[3], 2e30, 1e24);
  const float expected[] = {1, -2, 2, -2};
  EXPECT_TRUE(SameBits(gradient, expected));
}

TEST_P(LossTest, NanInAnOutputShowsInItsRowAlone) {
  for (const Loss kind : kLosses) {
    Batch batch({kind}, 3, 5, 0, 0);
    batch.z(1, 2) = std::nanf("");
    batch.a(1, 2) = std::nanf("");
    batch.Run();
    EXPECT_TRUE(std::isnan(batch.losses[1])) << Name(kind);
    EXPECT_TRUE(std::isnan(batch.gradient(1, 2))) << Name(kind);
    EXPECT_TRUE(std::isfinite(batch.losses[0]) && std::isfinite(batch.losses[2])) << Name(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, LossTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
