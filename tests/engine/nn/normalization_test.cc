#include "engine/nn/normalization.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

Standardizer Sample() { return {.mean = {1.0F, -2.0F, 0.0F}, .scale = {2.0F, 0.5F, 1.0F}}; }

std::span<const float> Elements(const Matrix& matrix) {
  return {matrix.data(), static_cast<size_t>(matrix.view().size())};
}

TEST(StandardizerTest, AppliesMeanAndScaleColumnByColumn) {
  Matrix x(1, 3);
  x(0, 0) = 5.0F;
  x(0, 1) = -1.0F;
  x(0, 2) = 7.0F;
  Sample().Apply(x.view());
  EXPECT_THAT(Elements(x), testing::ElementsAre(2.0F, 2.0F, 7.0F));
}

TEST(StandardizerTest, InvertUndoesApply) {
  Matrix x = RandomMatrix(5, 3, 1);
  const Matrix before = RandomMatrix(5, 3, 1);
  Sample().Apply(x.view());
  Sample().Invert(x.view());
  EXPECT_THAT(Elements(x), testing::Pointwise(testing::FloatNear(1e-6F), Elements(before)));
}

TEST(StandardizerTest, UnscaleIsTheDerivativeOfApply) {
  Matrix up = RandomMatrix(4, 3, 2);
  Matrix down = RandomMatrix(4, 3, 2);
  constexpr float kStep = 0.25F;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      up(i, j) += kStep;
      down(i, j) -= kStep;
    }
  }
  Sample().Apply(up.view());
  Sample().Apply(down.view());
  Matrix ones(4, 3);
  std::fill_n(ones.data(), 12, 1.0F);
  Sample().Unscale(ones.view());
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      EXPECT_NEAR((up(i, j) - down(i, j)) / (2 * kStep), ones(i, j), 1e-5);
    }
  }
}

TEST(StandardizerTest, EmptyIsTheIdentity) {
  Matrix x = RandomMatrix(2, 3, 3);
  const Matrix before = RandomMatrix(2, 3, 3);
  const Standardizer none;
  none.Apply(x.view());
  none.Invert(x.view());
  none.Unscale(x.view());
  EXPECT_THAT(Elements(x), testing::ElementsAreArray(Elements(before)));
}

}  // namespace
}  // namespace chainrule::engine
