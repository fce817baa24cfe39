#include "engine/nn/dropout.h"

#include <cmath>

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

const RandomStream kStream(1, RandomPurpose::kDropout, 3);

Matrix Mask(int64_t rows, int64_t units, float probability, const RandomStream& stream = kStream,
            int64_t layer = 0) {
  Matrix mask(rows, units);
  DropoutMask({.stream = &stream, .layer = layer, .units = units, .probability = probability}, 0, 0,
              mask.view());
  return mask;
}

bool Same(const Matrix& a, const Matrix& b) {
  return std::equal(a.data(), a.data() + a.view().size(), b.data());
}

TEST(DropoutTest, DropsItsShareAndScalesTheRestUp) {
  for (const float probability : {0.1F, 0.5F, 0.9F}) {
    const Matrix mask = Mask(300, 101, probability);
    const float kept = 1.0F / (1.0F - probability);
    int64_t dropped = 0;
    for (int64_t i = 0; i < mask.view().size(); ++i) {
      const float value = mask.data()[i];
      ASSERT_TRUE(value == 0.0F || value == kept) << value;
      dropped += value == 0.0F ? 1 : 0;
    }
    const auto count = static_cast<double>(mask.view().size());
    const double p = probability;
    EXPECT_NEAR(static_cast<double>(dropped) / count, p, 6 * std::sqrt(p * (1 - p) / count));
  }
}

TEST(DropoutTest, IsTheComparisonOfAUniformNumber) {
  constexpr int64_t kUnits = 6;  // rounded up to 8 numbers a row
  const Matrix mask = Mask(5, kUnits, 0.3F);
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < kUnits; ++j) {
      const float u = kStream.Uniform(static_cast<uint64_t>(i * 8 + j));
      EXPECT_EQ(mask(i, j) == 0.0F, u < 0.3F) << i << ", " << j;
    }
  }
}

TEST(DropoutTest, ATileHasTheMasksOfTheWhole) {
  const Matrix whole = Mask(20, 37, 0.4F);
  const DropoutLayer layer = {.stream = &kStream, .layer = 0, .units = 37, .probability = 0.4F};
  for (int64_t row = 0; row < 17; row += 3) {
    for (int64_t unit = 0; unit < 30; ++unit) {
      Matrix tile(3, 7);
      DropoutMask(layer, row, unit, tile.view());
      for (int64_t i = 0; i < 3; ++i) {
        for (int64_t j = 0; j < 7; ++j) ASSERT_EQ(tile(i, j), whole(row + i, unit + j));
      }
    }
  }
}

TEST(DropoutTest, LayersStepsAndSeedsDropDifferently) {
  const Matrix mask = Mask(20, 40, 0.5F);
  EXPECT_TRUE(Same(mask, Mask(20, 40, 0.5F)));
  EXPECT_FALSE(Same(mask, Mask(20, 40, 0.5F, kStream, 1)));
  EXPECT_FALSE(Same(mask, Mask(20, 40, 0.5F, RandomStream(1, RandomPurpose::kDropout, 4))));
  EXPECT_FALSE(Same(mask, Mask(20, 40, 0.5F, RandomStream(2, RandomPurpose::kDropout, 3))));
}

}  // namespace
}  // namespace chainrule::engine
