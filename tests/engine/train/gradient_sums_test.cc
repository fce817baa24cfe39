#include "engine/train/gradient_sums.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::FloatNear;
using testing::Pointwise;

constexpr int64_t kRows = 90;

class GradientSumsTest : public testing::Test {
 protected:
  static NetworkSpec Spec() {
    NetworkSpec spec = MakeSpec(5, {6, 3}, Activation::kTanh, Activation::kSoftmax,
                                Loss::kCategoricalCrossEntropy);
    spec.layers[0].l2 = 0.1F;
    return spec;
  }
  std::vector<float> TensorOf(const GradientSums& sums, size_t index) {
    std::vector<float> elements(static_cast<size_t>(sums.tensors()[index].size));
    sums.Copy(index, 0, std::span<float>(elements).first(2));
    sums.Copy(index, 2, std::span<float>(elements).subspan(2));
    return elements;
  }

  const Network network_{Spec()};
  const ModelState state_ = InitialState(network_, {});
  const Executor executor_{2};
  const Cancellation never_;
};

TEST_F(GradientSumsTest, PartsGiveWhatTheWholeGives) {
  const SampleRows rows = MakeRows(Spec(), kRows, 1, /*weighted=*/true);
  GradientSums sums(network_, state_, {0, 1});
  Matrix inputs(kRows, 5);
  int64_t first = 0;
  for (const int64_t count : {1, 0, 60, 29}) {
    Examples part(5, 3);
    rows.AppendTo(&part, first, count, 5, 3);
    ASSERT_TRUE(sums.Add(part, inputs.view().Rows(first, count), executor_, never_).ok());
    first += count;
  }
  Matrix weights0(6, 5);
  Matrix weights1(3, 6);
  std::vector<float> bias0(6);
  std::vector<float> bias1(3);
  Matrix whole_inputs(kRows, 5);
  GradientOutputs outputs;
  outputs.layers.resize(2);
  outputs.layers[0].weights = weights0.view();
  outputs.layers[0].bias = bias0;
  outputs.layers[1].weights = weights1.view();
  outputs.layers[1].bias = bias1;
  outputs.inputs = whole_inputs.view();
  const auto whole =
      ComputeGradients(network_, state_, rows.View(Spec()), outputs, executor_, never_);
  ASSERT_TRUE(whole.ok());
  EXPECT_NEAR(sums.summary().loss, whole->loss, 1e-6);
  EXPECT_EQ(sums.summary().penalty, whole->penalty);
  EXPECT_NEAR(sums.summary().weight_sum, whole->weight_sum, 1e-9 * whole->weight_sum);
  const std::span<const float> flat0(weights0.data(), 30);
  const std::span<const float> flat1(weights1.data(), 18);
  EXPECT_THAT(TensorOf(sums, 0), Pointwise(FloatNear(1e-6F), flat0));
  EXPECT_THAT(TensorOf(sums, 1), Pointwise(FloatNear(1e-6F), bias0));
  EXPECT_THAT(TensorOf(sums, 2), Pointwise(FloatNear(1e-6F), flat1));
  EXPECT_THAT(TensorOf(sums, 3), Pointwise(FloatNear(1e-6F), bias1));
  for (int64_t i = 0; i < kRows * 5; ++i) {
    EXPECT_NEAR(inputs.data()[i], whole_inputs.data()[i], 1e-5F);
  }
}

TEST_F(GradientSumsTest, HasTheTensorsOfTheLayersAskedFor) {
  const GradientSums sums(network_, state_, {1});
  ASSERT_EQ(sums.tensors().size(), 2u);
  EXPECT_EQ(sums.tensors()[0].size, 18);
  EXPECT_TRUE(sums.tensors()[1].is_bias);
  EXPECT_EQ(GradientSums::MemoryBytes(network_, {1}), (18 + 3) * 12);
}

TEST_F(GradientSumsTest, ACancelledPartAddsNothing) {
  GradientSums sums(network_, state_, {0, 1});
  Cancellation cancelled;
  cancelled.Cancel(absl::StatusCode::kCancelled);
  const SampleRows rows = MakeRows(Spec(), 3, 1);
  EXPECT_EQ(sums.Add(rows.View(Spec()), MatrixView(), executor_, cancelled).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(sums.summary().weight_sum, 0);
}

}  // namespace
}  // namespace chainrule::engine
