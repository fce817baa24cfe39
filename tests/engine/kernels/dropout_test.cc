#include "engine/kernels/dropout.h"

#include <cmath>

#include "engine/kernels/dropout_scalar.h"
#include "tests/engine/kernels/kernel_test.h"

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

class DropoutTest : public KernelTest {};

// The lower word of a row's numbers may wrap in it.
TEST_P(DropoutTest, MasksAreTheScalarTwinsAtEveryShapeAndPlace) {
  for (const int64_t row : {int64_t{0}, int64_t{1} << 32, (int64_t{4} << 32) - 1}) {
    for (const float probability : {0.0F, 1e-7F, 0.25F, 0.3F, 0.99999994F}) {
      for (const int64_t columns : {1, 3, 4, 7, 16, 31, 64, 65, 150}) {
        for (const int64_t unit : {0, 1, 3, 64}) {
          const DropoutLayer layer = {
              .stream = &kStream, .layer = 2, .units = 301, .probability = probability};
          GuardedMatrix mask(2, columns, 3, 1);
          Matrix twin(2, columns);
          DropoutMask(layer, row, unit, mask.view());
          scalar::DropoutMask(layer, row, unit, twin.view());
          ASSERT_TRUE(SameBits(mask.view(), twin.view())) << row << ", " << unit << ", " << columns;
          ASSERT_TRUE(mask.IsIntact());
        }
      }
    }
  }
}

TEST_P(DropoutTest, MultiplyIsExact) {
  ForEachShape([](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
    GuardedMatrix a(rows, columns, gap, offset);
    GuardedMatrix b(rows, columns, 1, 2);
    a.FillRandom(-3, 3, 1);
    b.FillRandom(-3, 3, 2);
    Matrix twin(rows, columns);
    scalar::Multiply(a.view(), b.view(), twin.view());
    Multiply(a.view(), b.view(), a.view());
    ASSERT_TRUE(SameBits(a.view(), twin.view())) << rows << " × " << columns;
    ASSERT_TRUE(a.IsIntact() && b.IsIntact());
  });
}

TEST_P(DropoutTest, DropsItsShareAndScalesTheRestUp) {
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

TEST_P(DropoutTest, IsTheComparisonOfAUniformNumber) {
  constexpr int64_t kUnits = 6;  // rounded up to 8 numbers a row
  const Matrix mask = Mask(5, kUnits, 0.3F);
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < kUnits; ++j) {
      const float u = kStream.Uniform(static_cast<uint64_t>(i * 8 + j));
      EXPECT_EQ(mask(i, j) == 0.0F, u < 0.3F) << i << ", " << j;
    }
  }
}

TEST_P(DropoutTest, ATileHasTheMasksOfTheWhole) {
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

TEST_P(DropoutTest, LayersStepsAndSeedsDropDifferently) {
  const Matrix mask = Mask(20, 40, 0.5F);
  EXPECT_TRUE(Same(mask, Mask(20, 40, 0.5F)));
  EXPECT_FALSE(Same(mask, Mask(20, 40, 0.5F, kStream, 1)));
  EXPECT_FALSE(Same(mask, Mask(20, 40, 0.5F, RandomStream(1, RandomPurpose::kDropout, 4))));
  EXPECT_FALSE(Same(mask, Mask(20, 40, 0.5F, RandomStream(2, RandomPurpose::kDropout, 3))));
}

INSTANTIATE_TEST_SUITE_P(Targets, DropoutTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
