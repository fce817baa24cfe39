#include "engine/kernels/activation.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/kernels/activation_scalar.h"
#include "tests/engine/kernels/kernel_test.h"
#include "tests/engine/kernels/ulp.h"

namespace chainrule::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

constexpr Activation kElementwise[] = {
    Activation::kSigmoid, Activation::kTanh,     Activation::kRelu,    Activation::kLeakyRelu,
    Activation::kGelu,    Activation::kSoftplus, Activation::kIdentity};

std::string Name(Activation kind) { return "activation " + std::to_string(static_cast<int>(kind)); }

class ActivationTest : public KernelTest {};

// f(z) of one number through the kernel.
float ValueAt(Activation kind, float z) {
  float a = 0;
  AddBiasActivate({kind}, {}, {&z, 1, 1}, {&a, 1, 1});
  return a;
}

// f'(z) of one number through both kernels.
float DerivativeAt(ActivationFunction function, float z) {
  float a = 0;
  float da = 1;
  AddBiasActivate(function, {}, {&z, 1, 1}, {&a, 1, 1});
  MultiplyByDerivative(function, {&a, 1, 1}, {&z, 1, 1}, {&da, 1, 1});
  return da;
}

TEST_P(ActivationTest, MatchesTheScalarTwinAtEveryLengthAndAlignment) {
  for (const Activation kind : kElementwise) {
    ForEachShape([&](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
      GuardedMatrix z(rows, columns, gap, offset);
      GuardedMatrix a(rows, columns, gap, offset);
      GuardedMatrix twin_z(rows, columns, 0, 0);
      GuardedMatrix twin_a(rows, columns, 0, 0);
      z.FillRandom(-8, 8, columns);
      twin_z.FillRandom(-8, 8, columns);
      const auto bias = RandomValues(static_cast<size_t>(columns), -1, 1, 7);
      AddBiasActivate({kind, 0.25F}, bias, z.view(), a.view());
      scalar::AddBiasActivate({kind, 0.25F}, bias, twin_z.view(), twin_a.view());
      ASSERT_TRUE(z.IsIntact() && a.IsIntact()) << Name(kind) << " columns " << columns;
      ASSERT_TRUE(SameBits(z.view(), twin_z.view())) << Name(kind) << " columns " << columns;
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          // 4 of the kernel's own and a half for the twin's rounding; GELU: 10.
          ASSERT_LE(UlpError(a(i, j), static_cast<double>(twin_a(i, j))), 10.5)
              << Name(kind) << " z " << z(i, j);
        }
      }
    });
  }
}

TEST_P(ActivationTest, SoftmaxMatchesTheScalarTwinAtEveryLengthAndAlignment) {
  ForEachShape([](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
    GuardedMatrix z(rows, columns, gap, offset);
    GuardedMatrix a(rows, columns, gap, offset);
    GuardedMatrix twin_z(rows, columns, 0, 0);
    GuardedMatrix twin_a(rows, columns, 0, 0);
    z.FillRandom(-30, 30, columns);
    twin_z.FillRandom(-30, 30, columns);
    const auto bias = RandomValues(static_cast<size_t>(columns), -1, 1, 7);
    AddBiasActivate({Activation::kSoftmax}, bias, z.view(), a.view());
    scalar::AddBiasActivate({Activation::kSoftmax}, bias, twin_z.view(), twin_a.view());
    ASSERT_TRUE(z.IsIntact() && a.IsIntact());
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        // The rounding of z − max z, up to 62, costs 32 units by itself.
        ASSERT_LE(UlpError(a(i, j), static_cast<double>(twin_a(i, j))), 40) << columns;
      }
    }
  });
}

TEST_P(ActivationTest, AnElementsBitsDoNotDependOnWhereItStands) {
  constexpr size_t kCount = 105;
  for (const Activation kind : kElementwise) {
    const auto source = RandomValues(kCount, -9, 9);
    std::vector<float> row = source;
    AddBiasActivate({kind}, {}, {row.data(), 1, kCount}, {row.data(), 1, kCount});
    for (size_t i = 0; i < kCount; ++i) {
      const float alone = ValueAt(kind, source[i]);
      ASSERT_TRUE(SameBits({&alone, 1}, {&row[i], 1})) << Name(kind) << " place " << i;
    }
    for (const int64_t columns : {1, 7, 35}) {
      std::vector<float> matrix = source;
      const MatrixView view(matrix.data(), kCount / columns, columns);
      const std::vector<float> zeros(static_cast<size_t>(columns));
      AddBiasActivate({kind}, zeros, view, view);
      ASSERT_TRUE(SameBits(matrix, row)) << Name(kind) << " columns " << columns;
    }
  }
}

TEST_P(ActivationTest, ADerivativesBitsDoNotDependOnWhereItStands) {
  constexpr size_t kCount = 105;
  for (const Activation kind : kElementwise) {
    auto z = RandomValues(kCount, -9, 9);
    std::vector<float> a(kCount);
    std::vector<float> da(kCount, 1.0F);
    AddBiasActivate({kind}, {}, {z.data(), 1, kCount}, {a.data(), 1, kCount});
    MultiplyByDerivative({kind}, {a.data(), 1, kCount}, {z.data(), 1, kCount},
                         {da.data(), 1, kCount});
    for (size_t i = 0; i < kCount; ++i) {
      const float alone = DerivativeAt({kind}, z[i]);
      ASSERT_TRUE(SameBits({&alone, 1}, {&da[i], 1})) << Name(kind) << " place " << i;
    }
  }
}

TEST_P(ActivationTest, ASoftmaxRowsBitsDoNotDependOnTheOtherRows) {
  for (const int64_t columns : {1, 2, 10, 16, 17, 100}) {
    GuardedMatrix together(5, columns, 3, 1);
    together.FillRandom(-10, 10, 3);
    std::vector<std::vector<float>> rows;
    for (int64_t i = 0; i < 5; ++i) {
      const auto row = together.view().row(i);
      rows.emplace_back(row.begin(), row.end());
    }
    AddBiasActivate({Activation::kSoftmax}, {}, together.view(), together.view());
    for (int64_t i = 0; i < 5; ++i) {
      const MatrixView alone(rows[static_cast<size_t>(i)].data(), 1, columns);
      AddBiasActivate({Activation::kSoftmax}, {}, alone, alone);
      EXPECT_TRUE(SameBits(alone.row(0), together.view().row(i))) << columns;
    }
  }
}

TEST_P(ActivationTest, InPlaceAndOutOfPlaceGiveTheSameBits) {
  const auto bias = RandomValues(37, -1, 1, 2);
  for (int kind = 0; kind <= static_cast<int>(Activation::kSoftmax); ++kind) {
    GuardedMatrix z(3, 37, 0, 0);
    GuardedMatrix a(3, 37, 0, 0);
    GuardedMatrix both(3, 37, 0, 0);
    z.FillRandom(-5, 5, 1);
    both.FillRandom(-5, 5, 1);
    const ActivationFunction function{static_cast<Activation>(kind)};
    AddBiasActivate(function, bias, z.view(), a.view());
    AddBiasActivate(function, bias, both.view(), both.view());
    EXPECT_TRUE(SameBits(a.view(), both.view())) << Name(function.kind);
  }
}

TEST_P(ActivationTest, SaturatedInputsGiveTheLimits) {
  struct Limit {
    Activation kind;
    float below;  // of z → −∞
    bool grows;   // to +∞ as z does; else to 1
  };
  const Limit limits[] = {{Activation::kSigmoid, 0, false},
                          {Activation::kTanh, -1, false},
                          {Activation::kRelu, 0, true},
                          {Activation::kGelu, 0, true},
                          {Activation::kSoftplus, 0, true}};
  for (const Limit& limit : limits) {
    for (const float z : {1000.0F, 1e30F, kInfinity}) {
      EXPECT_EQ(ValueAt(limit.kind, z), limit.grows ? z : 1.0F) << Name(limit.kind) << z;
      EXPECT_EQ(ValueAt(limit.kind, -z), limit.below) << Name(limit.kind) << z;
      EXPECT_EQ(DerivativeAt({limit.kind}, z), limit.grows ? 1.0F : 0.0F) << Name(limit.kind);
      EXPECT_EQ(DerivativeAt({limit.kind}, -z), 0.0F) << Name(limit.kind) << z;
    }
  }
}

TEST_P(ActivationTest, SigmoidIsPositiveAsLongAsAFloatCanSay) {
  EXPECT_GT(ValueAt(Activation::kSigmoid, -100.0F), 0.0F);
  EXPECT_EQ(ValueAt(Activation::kSigmoid, 100.0F), 1.0F);
}

TEST_P(ActivationTest, NanStaysNan) {
  for (const Activation kind : kElementwise) {
    EXPECT_TRUE(std::isnan(ValueAt(kind, kNan))) << Name(kind);
  }
  float row[] = {1.0F, kNan, 2.0F};
  AddBiasActivate({Activation::kSoftmax}, {}, {row, 1, 3}, {row, 1, 3});
  for (const float value : row) EXPECT_TRUE(std::isnan(value));
}

TEST_P(ActivationTest, SoftmaxSurvivesLargeInputs) {
  float row[] = {1e30F, 0.0F, -1e30F, 1e30F};
  AddBiasActivate({Activation::kSoftmax}, {}, {row, 1, 4}, {row, 1, 4});
  const float expected[] = {0.5F, 0.0F, 0.0F, 0.5F};
  EXPECT_TRUE(SameBits(row, expected));
}

TEST_P(ActivationTest, DerivativeMatchesCentralDifferences) {
  constexpr double kStep = 1e-5;
  for (const Activation kind : kElementwise) {
    const ActivationFunction function{kind, 0.25F};
    for (const float z : RandomValues(500, -12, 12)) {
      const auto at = static_cast<double>(z);
      if (std::abs(at) < kStep) continue;  // the kink of RELU
      const double difference = (scalar::ActivationValue(function, at + kStep) -
                                 scalar::ActivationValue(function, at - kStep)) /
                                (2 * kStep);
      EXPECT_NEAR(static_cast<double>(DerivativeAt(function, z)), difference, 5e-7)
          << Name(kind) << " z " << z;
    }
  }
}

TEST_P(ActivationTest, DerivativeMatchesTheScalarTwinAtEveryLengthAndAlignment) {
  for (const Activation kind : kElementwise) {
    const ActivationFunction function{kind, 0.25F};
    ForEachShape([&](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
      GuardedMatrix z(rows, columns, gap, offset);
      GuardedMatrix a(rows, columns, gap, offset);
      GuardedMatrix da(rows, columns, gap, offset);
      GuardedMatrix twin(rows, columns, 0, 0);
      z.FillRandom(-6, 6, columns);
      da.FillRandom(-2, 2, 5);
      twin.FillRandom(-2, 2, 5);
      AddBiasActivate(function, {}, z.view(), a.view());
      MultiplyByDerivative(function, a.view(), z.view(), da.view());
      scalar::MultiplyByDerivative(function, z.view(), twin.view());
      ASSERT_TRUE(da.IsIntact());
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          ASSERT_NEAR(da(i, j), twin(i, j), 1e-6) << Name(kind) << " z " << z(i, j);
        }
      }
    });
  }
}

TEST_P(ActivationTest, DerivativesThatDoNotNeedZDoNotReadIt) {
  for (const Activation kind : kElementwise) {
    if (DerivativeNeedsZ(kind)) continue;
    float a = 0.5F;
    float da = 1;
    MultiplyByDerivative({kind}, {&a, 1, 1}, ConstMatrixView(), {&da, 1, 1});
    EXPECT_TRUE(std::isfinite(da)) << Name(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ActivationTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
