#include "engine/kernels/columns.h"

#include <functional>
#include <vector>

#include "engine/kernels/columns_scalar.h"
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

using Floats = std::span<const float>;
using Doubles = std::span<const double>;

class ColumnsTest : public KernelTest {};

std::vector<double> RandomDoubles(size_t count, int64_t seed) {
  std::vector<double> values(count);
  const RandomStream stream(seed, RandomPurpose::kInitializer, 1);
  for (size_t i = 0; i < count; ++i) values[i] = stream.Normal(i);
  return values;
}

bool SameBits(Doubles a, Doubles b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

// `pass` and `twin` of the same numbers, at every length and off every alignment.
void ExpectTwins(const std::function<void(Floats, Floats, std::span<float>)>& pass,
                 const std::function<void(Floats, Floats, std::span<float>)>& twin) {
  ForEachShape([&](int64_t rows, int64_t columns, int64_t gap, int64_t offset) {
    const std::vector<float> mean = RandomValues(static_cast<size_t>(columns), -2, 2, 1);
    const std::vector<float> scale = RandomValues(static_cast<size_t>(columns), 0.1F, 3, 2);
    GuardedMatrix x(rows, columns, gap, offset);
    x.FillRandom(-5, 5, 3);
    Matrix expected(rows, columns);
    for (int64_t i = 0; i < rows; ++i) {
      std::ranges::copy(x.view().row(i), expected.view().row(i).begin());
      twin(mean, scale, expected.view().row(i));
      pass(mean, scale, x.view().row(i));
    }
    ASSERT_TRUE(engine::SameBits(x.view(), expected.view())) << columns;
    ASSERT_TRUE(x.IsIntact());
  });
}

TEST_P(ColumnsTest, StandardisingIsTheScalarTwins) {
  ExpectTwins(Standardize, scalar::Standardize);
  ExpectTwins(StandardizeByInverse, scalar::StandardizeByInverse);
  ExpectTwins(Destandardize, scalar::Destandardize);
  ExpectTwins([](Floats, Floats scale, std::span<float> x) { Unscale(scale, x); },
              [](Floats, Floats scale, std::span<float> x) { scalar::Unscale(scale, x); });
}

TEST_P(ColumnsTest, SumsAreTheScalarTwins) {
  for (size_t columns = 0; columns <= 35; ++columns) {
    const std::vector<float> x = RandomValues(columns, -5, 5, 1);
    std::vector<double> sums = RandomDoubles(columns, 2);
    std::vector<double> twin = sums;
    AddScaled(1.0 / 3, x, sums);
    scalar::AddScaled(1.0 / 3, x, twin);
    ASSERT_TRUE(SameBits(sums, twin)) << columns;
    std::vector<float> quotients(columns + 1, 7.0F);
    std::vector<float> expected = quotients;
    Divide(sums, 7.0, std::span(quotients).first(columns));
    scalar::Divide(twin, 7.0, std::span(expected).first(columns));
    ASSERT_TRUE(engine::SameBits(quotients, expected)) << columns;
    SetScaled(1.0 / 3, x, sums);
    scalar::SetScaled(1.0 / 3, x, twin);
    ASSERT_TRUE(SameBits(sums, twin)) << columns;
  }
}

TEST_P(ColumnsTest, MomentsAreTheScalarTwins) {
  for (size_t columns = 0; columns <= 35; ++columns) {
    std::vector<double> mean(columns), deviations(columns), twin_mean(columns), twin(columns);
    for (int64_t row = 1; row <= 5; ++row) {
      const std::vector<float> x = RandomValues(columns, -5, 5, row);
      AddToMoments(x, 1.0 / static_cast<double>(row), mean, deviations);
      scalar::AddToMoments(x, 1.0 / static_cast<double>(row), twin_mean, twin);
    }
    ASSERT_TRUE(SameBits(mean, twin_mean)) << columns;
    ASSERT_TRUE(SameBits(deviations, twin)) << columns;
  }
}

// Against the formulas themselves, in another order.
TEST_P(ColumnsTest, MomentsAreMeanAndSumOfSquaredDeviations) {
  const std::vector<std::vector<float>> rows = {{1, 10}, {2, 20}, {6, 60}};
  std::vector<double> mean(2), deviations(2);
  double count = 0;
  for (const std::vector<float>& row : rows) AddToMoments(row, 1.0 / ++count, mean, deviations);
  EXPECT_NEAR(mean[0], 3, 1e-12);
  EXPECT_NEAR(mean[1], 30, 1e-12);
  EXPECT_NEAR(deviations[0], 4 + 1 + 9, 1e-12);
  EXPECT_NEAR(deviations[1], 400 + 100 + 900, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Targets, ColumnsTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
