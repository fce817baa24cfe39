#include "engine/nn/dense.h"

#include <cmath>

#include "engine/nn/reference_functions.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

// Sides around the vector widths and the tiles.
struct Shape {
  int64_t batch, inputs, units;
};
const Shape kShapes[] = {{1, 1, 1},    {3, 5, 7},      {16, 17, 15},
                         {33, 64, 31}, {200, 90, 130}, {40, 257, 35}};

double Sum(ConstMatrixView x, ConstMatrixView w, std::span<const float> b, int64_t i, int64_t j) {
  double z = b[static_cast<size_t>(j)];
  for (int64_t k = 0; k < x.columns; ++k) z += double{x(i, k)} * double{w(j, k)};
  return z;
}

class DenseTest : public testing::TestWithParam<Activation> {
 protected:
  const Executor executor_{2};
};

TEST_P(DenseTest, ForwardIsTheFormula) {
  const ActivationFunction function = {.kind = GetParam(), .slope = 0.1F};
  for (const Shape& shape : kShapes) {
    const Matrix x = RandomMatrix(shape.batch, shape.inputs, 1);
    const Matrix w = RandomMatrix(shape.units, shape.inputs, 2);
    const std::vector<float> b = RandomFloats(shape.units, 3);
    Matrix z(shape.batch, shape.units);
    Matrix a(shape.batch, shape.units);
    Dense(w.view(), b, function).Forward(executor_, x.view(), z.view(), a.view());
    for (int64_t i = 0; i < shape.batch; ++i) {
      for (int64_t j = 0; j < shape.units; ++j) {
        const double expected = Sum(x.view(), w.view(), b, i, j);
        ASSERT_NEAR(z(i, j), expected, 2e-5);
        ASSERT_NEAR(a(i, j), ReferenceActivation(function, expected, expected > 0), 2e-5);
      }
    }
  }
}

TEST_P(DenseTest, ActivationsMayReplaceZ) {
  const ActivationFunction function = {.kind = GetParam(), .slope = 0.1F};
  const Matrix x = RandomMatrix(33, 20, 1);
  const Matrix w = RandomMatrix(40, 20, 2);
  const std::vector<float> b = RandomFloats(40, 3);
  const Dense layer(w.view(), b, function);
  Matrix z(33, 40);
  Matrix a(33, 40);
  Matrix in_place(33, 40);
  layer.Forward(executor_, x.view(), z.view(), a.view());
  layer.Forward(executor_, x.view(), in_place.view(), in_place.view());
  EXPECT_TRUE(std::equal(a.data(), a.data() + 33 * 40, in_place.data()));
}

INSTANTIATE_TEST_SUITE_P(All, DenseTest, testing::ValuesIn(HiddenActivations()),
                         [](const auto& test) { return NameOf(test.param); });

// C = Σ Z ∘ G for a fixed G has ∂C/∂Z = G, so dW, db and dX are differences of C.
class DenseBackwardTest : public testing::Test {
 protected:
  static constexpr int64_t kBatch = 6;
  static constexpr int64_t kInputs = 5;
  static constexpr int64_t kUnits = 4;

  double Cost() const {
    double cost = 0;
    for (int64_t i = 0; i < kBatch; ++i) {
      for (int64_t j = 0; j < kUnits; ++j) {
        cost += Sum(x_.view(), w_.view(), b_, i, j) * double{g_(i, j)};
      }
    }
    return cost;
  }

  double CentralDifference(float* value) {
    constexpr float kStep = 0.125F;  // exact: the cost is linear
    const float before = *value;
    *value = before + kStep;
    const double up = Cost();
    *value = before - kStep;
    const double down = Cost();
    *value = before;
    return (up - down) / (2.0 * kStep);
  }

  const Executor executor_{2};
  Matrix x_ = RandomMatrix(kBatch, kInputs, 1);
  Matrix w_ = RandomMatrix(kUnits, kInputs, 2);
  std::vector<float> b_ = RandomFloats(kUnits, 3);
  Matrix g_ = RandomMatrix(kBatch, kUnits, 4);
};

TEST_F(DenseBackwardTest, BackwardMatchesCentralDifferences) {
  Matrix dw(kUnits, kInputs);
  std::vector<float> db(kUnits);
  Matrix dx(kBatch, kInputs);
  const Dense layer(w_.view(), b_, {.kind = Activation::kIdentity});
  layer.BackwardParameters(executor_, x_.view(), g_.view(), {.dw = dw.view(), .db = db});
  layer.BackwardInputs(executor_, g_.view(), dx.view());
  for (int64_t j = 0; j < kUnits; ++j) {
    EXPECT_NEAR(db[static_cast<size_t>(j)], CentralDifference(&b_[static_cast<size_t>(j)]), 1e-5);
    for (int64_t k = 0; k < kInputs; ++k) EXPECT_NEAR(dw(j, k), CentralDifference(&w_(j, k)), 1e-5);
  }
  for (int64_t i = 0; i < kBatch; ++i) {
    for (int64_t k = 0; k < kInputs; ++k) EXPECT_NEAR(dx(i, k), CentralDifference(&x_(i, k)), 1e-5);
  }
}

TEST_F(DenseBackwardTest, GradientsScaleAndAccumulate) {
  Matrix whole(kUnits, kInputs);
  Matrix parts(kUnits, kInputs);
  std::vector<float> whole_db(kUnits);
  std::vector<float> parts_db(kUnits);
  const Dense layer(w_.view(), b_, {.kind = Activation::kIdentity});
  layer.BackwardParameters(executor_, x_.view(), g_.view(),
                           {.dw = whole.view(), .db = whole_db, .scale = 0.5F});
  for (const int64_t first : {int64_t{0}, int64_t{2}}) {
    const int64_t count = first == 0 ? 2 : kBatch - 2;
    layer.BackwardParameters(
        executor_, x_.view().Rows(first, count), g_.view().Rows(first, count),
        {.dw = parts.view(), .db = parts_db, .scale = 0.5F, .keep = first == 0 ? 0.0F : 1.0F});
  }
  for (int64_t i = 0; i < kUnits * kInputs; ++i) {
    EXPECT_NEAR(whole.data()[i], parts.data()[i], 1e-6);
  }
  for (size_t j = 0; j < kUnits; ++j) EXPECT_NEAR(whole_db[j], parts_db[j], 1e-6);
}

TEST_F(DenseBackwardTest, WideBiasIsSummedWhole) {
  const Matrix dz = RandomMatrix(500, 700, 9);
  const Matrix x = RandomMatrix(500, 300, 10);  // dW has several tiles
  Matrix dw(700, 300);
  std::vector<float> db(700);
  const Dense layer({}, {}, {});  // its parameters are not looked at
  layer.BackwardParameters(executor_, x.view(), dz.view(), {.dw = dw.view(), .db = db});
  for (int64_t j = 0; j < 700; ++j) {
    double sum = 0;
    for (int64_t i = 0; i < 500; ++i) sum += double{dz(i, j)};
    ASSERT_NEAR(db[static_cast<size_t>(j)], sum, 1e-4);
  }
}

}  // namespace
}  // namespace chainrule::engine
