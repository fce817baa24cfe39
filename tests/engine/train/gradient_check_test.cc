#include "engine/train/gradient_check.h"

#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

class GradientCheckTest : public testing::TestWithParam<Activation> {
 protected:
  const Executor executor_{2};
  const Cancellation never_;
};

TEST_P(GradientCheckTest, BackPropagationAgrees) {
  for (const Loss loss : AllLosses()) {
    NetworkSpec spec = MakeSpec(20, {30, 10, 3}, GetParam(), LastFor(loss), loss);
    spec.layers[0].l1 = 0.01F;
    spec.layers[1].l2 = 0.01F;
    const Network network(spec);
    const SampleRows rows = MakeRows(spec, 60, 3, /*weighted=*/true);
    Normalization normalization;
    normalization.inputs.mean.assign(20, 0.1F);
    normalization.inputs.scale.assign(20, 0.5F);
    const ModelState state = InitialState(network, normalization);
    const auto check =
        CheckGradients(network, state, rows.View(spec), 1'000'000, executor_, never_);
    ASSERT_TRUE(check.ok());
    EXPECT_EQ(check->checked, network.parameter_count()) << "all, where there are no more";
    EXPECT_LT(check->max_relative_error, 1e-5) << NameOf(loss);
    EXPECT_EQ(check->worst.relative_error, check->max_relative_error);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GradientCheckTest, testing::ValuesIn(HiddenActivations()),
                         [](const auto& test) { return NameOf(test.param); });

TEST(GradientCheckWidthTest, BackPropagationAgreesWhereRowsStandApart) {
  for (const std::vector<int64_t>& widths : {std::vector<int64_t>{128, 256, 3}, {130, 128, 2}}) {
    NetworkSpec spec = MakeSpec(128, widths, Activation::kTanh, Activation::kSoftmax,
                                Loss::kCategoricalCrossEntropy);
    spec.layers[1].l2 = 0.01F;
    const Network network(spec);
    ASSERT_GT(network.weights_stride(0), 128);
    const SampleRows rows = MakeRows(spec, 20, 3, /*weighted=*/true);
    const Executor executor(2);
    const Cancellation never;
    const auto check =
        CheckGradients(network, InitialState(network, {}), rows.View(spec), 300, executor, never);
    ASSERT_TRUE(check.ok());
    EXPECT_LT(check->max_relative_error, 1e-5);
  }
}

// At z = 20 float32 has σ(z) = 1, so that back-propagation finds no derivative where there is a
// small one.
TEST(GradientCheckScaleTest, AGradientThatIsWronglyZeroIsWhollyWrong) {
  const NetworkSpec spec =
      MakeSpec(1, {1, 1}, Activation::kSigmoid, Activation::kIdentity, Loss::kMeanSquaredError);
  const Network network(spec);
  AlignedBuffer parameters(static_cast<size_t>(network.block_size()));
  network.weights(parameters.span(), 0)(0, 0) = 20.0F;
  network.weights(parameters.span(), 1)(0, 0) = 1.0F;
  ModelState state = InitialState(network, {});
  state.parameters = std::make_shared<const AlignedBuffer>(std::move(parameters));
  const float one = 1.0F;
  const float target = 3.0F;
  ExampleChunk row;
  row.rows = 1;
  row.inputs = {ElementType::kFloat32, &one, 1};
  row.targets = {ElementType::kFloat32, &target, 1};
  Examples examples(1, 1);
  examples.Append(std::move(row));
  const Executor executor(1);
  const auto check = CheckGradients(network, state, examples, 4, executor, Cancellation());
  ASSERT_TRUE(check.ok());
  EXPECT_EQ(check->worst.layer, 0);
  EXPECT_EQ(check->worst.gradient, 0.0);
  EXPECT_NEAR(check->max_relative_error, 1.0, 1e-9);
}

// Zero rows put every unit of the first layer exactly at RELU's kink.
TEST(GradientCheckKinkTest, UnitsAtTheKinkAreComparedOnTheSideTheEngineIsOn) {
  const NetworkSpec spec =
      MakeSpec(3, {8, 1}, Activation::kRelu, Activation::kSigmoid, Loss::kBinaryCrossEntropy);
  const Network network(spec);
  SampleRows rows = MakeRows(spec, 4, 1);
  std::fill_n(rows.inputs.begin(), 6, 0.0F);
  const Executor executor(1);
  const Cancellation never;
  const auto check =
      CheckGradients(network, InitialState(network, {}), rows.View(spec), 1'000, executor, never);
  ASSERT_TRUE(check.ok());
  EXPECT_LT(check->max_relative_error, 1e-5);
}

TEST(GradientCheckSamplesTest, DrawsFromEveryTensorAsManyAsAsked) {
  const NetworkSpec spec = MakeSpec(50, {40, 2}, Activation::kTanh, Activation::kSoftmax,
                                    Loss::kCategoricalCrossEntropy);
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 10, 1);
  const Executor executor(2);
  const Cancellation never;
  for (const int64_t samples : {1, 2, 5, 100, 500}) {
    const auto check = CheckGradients(network, InitialState(network, {}), rows.View(spec), samples,
                                      executor, never);
    ASSERT_TRUE(check.ok());
    EXPECT_EQ(check->checked, samples);
  }
}

TEST(GradientCheckSamplesTest, CancellationEndsIt) {
  const NetworkSpec spec =
      MakeSpec(5, {4, 2}, Activation::kTanh, Activation::kSoftmax, Loss::kCategoricalCrossEntropy);
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 10, 1);
  const Executor executor(2);
  Cancellation cancellation;
  cancellation.Cancel();
  EXPECT_EQ(CheckGradients(network, InitialState(network, {}), rows.View(spec), 10, executor,
                           cancellation)
                .status()
                .code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace chainrule::engine
