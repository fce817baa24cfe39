#include "engine/train/fit_normalization.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

class FitNormalizationTest : public testing::Test {
 protected:
  static NetworkSpec Spec(Loss loss = Loss::kMeanSquaredError) {
    return MakeSpec(3, {2}, Activation::kTanh, LastFor(loss), loss);
  }

  static Normalization Fit(const SampleRows& rows, int threads, Loss loss) {
    return *FitNormalization(Spec(loss), rows.View(Spec(loss)), AllRows(rows.rows),
                             Executor(threads), Cancellation());
  }

  // Column `column` by the two-pass formula.
  static std::pair<double, double> MeanAndScale(const std::vector<float>& values, size_t column,
                                                size_t width) {
    double sum = 0;
    double count = 0;
    for (size_t i = column; i < values.size(); i += width, ++count) sum += double{values[i]};
    const double mean = sum / count;
    double squares = 0;
    for (size_t i = column; i < values.size(); i += width) {
      squares += (double{values[i]} - mean) * (double{values[i]} - mean);
    }
    return {mean, std::sqrt(squares / count)};
  }
};

TEST_F(FitNormalizationTest, IsMeanAndDeviationOfEachColumn) {
  for (const int64_t count : {1, 2, 255, 256, 257, 20'000}) {
    SampleRows rows = MakeRows(Spec(), count, 1);
    for (size_t i = 0; i < rows.inputs.size(); i += 3) rows.inputs[i] += 1'000.0F;
    const Normalization fitted = Fit(rows, 2, Loss::kMeanSquaredError);
    for (size_t j = 0; j < 3; ++j) {
      const auto [mean, scale] = MeanAndScale(rows.inputs, j, 3);
      EXPECT_NEAR(fitted.inputs.mean[j], mean, 1e-7 * (1 + std::abs(mean)));
      EXPECT_NEAR(fitted.inputs.scale[j], count == 1 ? 1.0 : scale, 1e-6);
    }
    for (size_t j = 0; j < 2; ++j) {
      const auto [mean, scale] = MeanAndScale(rows.targets, j, 2);
      EXPECT_NEAR(fitted.targets.mean[j], mean, 1e-6);
      EXPECT_NEAR(fitted.targets.scale[j], count == 1 ? 1.0 : scale, 1e-6);
    }
  }
}

// What they answer is not on both sides of 0, as standardised targets are.
TEST_F(FitNormalizationTest, LeavesTheTargetsOfBoundedOutputs) {
  for (const Activation last : {Activation::kRelu, Activation::kSoftplus, Activation::kSigmoid,
                                Activation::kTanh, Activation::kGelu}) {
    const NetworkSpec spec = MakeSpec(3, {2}, Activation::kTanh, last, Loss::kMeanSquaredError);
    const SampleRows rows = MakeRows(spec, 100, 1);
    const Normalization fitted =
        *FitNormalization(spec, rows.View(spec), AllRows(100), Executor(1), Cancellation());
    EXPECT_EQ(fitted.inputs.mean.size(), 3U);
    EXPECT_TRUE(fitted.targets.empty()) << NameOf(last);
  }
}

TEST_F(FitNormalizationTest, ConstantColumnHasScaleOne) {
  SampleRows rows = MakeRows(Spec(), 1'000, 1);
  for (size_t i = 1; i < rows.inputs.size(); i += 3) rows.inputs[i] = 0.1F;
  const Normalization fitted = Fit(rows, 2, Loss::kMeanSquaredError);
  EXPECT_EQ(fitted.inputs.mean[1], 0.1F);
  EXPECT_EQ(fitted.inputs.scale[1], 1.0F);
}

TEST_F(FitNormalizationTest, ColumnOfTinyOrHugeValuesHasAUsableScale) {
  SampleRows rows = MakeRows(Spec(), 100, 1);
  for (size_t i = 0; i < rows.inputs.size(); i += 3) {
    rows.inputs[i] = i % 2 == 0 ? 1e-44F : 0.0F;
    rows.inputs[i + 1] = i % 2 == 0 ? 3e38F : -3e38F;
  }
  const Normalization fitted = Fit(rows, 2, Loss::kMeanSquaredError);
  EXPECT_EQ(fitted.inputs.scale[0], 1.0F);
  EXPECT_NEAR(fitted.inputs.scale[1], 3e38F, 1e33F);
}

TEST_F(FitNormalizationTest, ClassificationLeavesTargetsAlone) {
  const SampleRows rows = MakeRows(Spec(Loss::kCategoricalCrossEntropy), 50, 1);
  EXPECT_TRUE(Fit(rows, 1, Loss::kCategoricalCrossEntropy).targets.empty());
}

TEST_F(FitNormalizationTest, SameBitsAtEveryNumberOfThreads) {
  const SampleRows rows = MakeRows(Spec(), 30'000, 1);
  const Normalization one = Fit(rows, 1, Loss::kMeanSquaredError);
  for (const int threads : {2, 3, 8}) {
    const Normalization many = Fit(rows, threads, Loss::kMeanSquaredError);
    EXPECT_EQ(one.inputs.mean, many.inputs.mean);
    EXPECT_EQ(one.inputs.scale, many.inputs.scale);
  }
}

}  // namespace
}  // namespace chainrule::engine
