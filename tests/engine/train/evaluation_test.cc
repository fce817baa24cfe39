#include "engine/train/evaluation.h"

#include <cmath>

#include "engine/train/gradients.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

class EvaluationTest : public testing::TestWithParam<Loss> {
 protected:
  static NetworkSpec Spec() {
    return MakeSpec(5, {6, 3}, Activation::kRelu, LastFor(GetParam()), GetParam());
  }
  const Executor executor_{2};
  const Cancellation never_;
  const Network network_{Spec()};
};

TEST_P(EvaluationTest, LossIsTheOneThatTrainingMinimises) {
  const SampleRows rows = MakeRows(Spec(), 5'000, 1, /*weighted=*/true);
  Normalization normalization;
  normalization.inputs = {.mean = {0.1F, 0.2F, 0.3F, 0.4F, 0.5F},
                          .scale = {1.0F, 2.0F, 0.5F, 0.25F, 3.0F}};
  if (IsRegression(GetParam())) {
    normalization.targets = {.mean = {0.5F, 0.25F, -1.0F}, .scale = {2.0F, 4.0F, 0.5F}};
  }
  const ModelState state = InitialState(network_, normalization);
  const Predictor predictor(network_, state.parameters->span(), *state.normalization);
  const auto evaluation = Evaluate(network_, predictor, *state.normalization, rows.View(Spec()),
                                   0.5, executor_, never_);
  ASSERT_TRUE(evaluation.ok());
  GradientOutputs none;
  none.layers.resize(2);
  const auto summary =
      ComputeGradients(network_, state, rows.View(Spec()), none, executor_, never_);
  EXPECT_NEAR(evaluation->loss, summary->loss, 1e-6 * (1 + summary->loss));
}

TEST_P(EvaluationTest, BlocksDoNotChangeTheFigures) {
  const SampleRows rows = MakeRows(Spec(), 5'000, 1);
  const ModelState state = InitialState(network_, {});
  const Predictor predictor(network_, state.parameters->span(), *state.normalization);
  const auto whole = Evaluate(network_, predictor, *state.normalization, rows.View(Spec()), 0.5,
                              executor_, never_);
  Matrix outputs(5'000, 3);
  Predictor::Scratch scratch;
  predictor.Run({rows.inputs.data(), 5'000, 5}, outputs.view(), MatrixView(), &scratch);
  MetricsAccumulator metrics(Spec(), 0.5);
  metrics.Add(outputs.view(), {rows.targets.data(), 5'000, 3}, std::vector<float>(5'000, 1.0F));
  const Metrics expected = *metrics.Compute(executor_, never_);
  EXPECT_EQ(whole->metrics.accuracy, expected.accuracy);
  EXPECT_EQ(whole->metrics.roc_auc, expected.roc_auc);
  EXPECT_EQ(whole->metrics.confusion, expected.confusion);
  EXPECT_EQ(whole->metrics.r_squared, expected.r_squared);
}

INSTANTIATE_TEST_SUITE_P(All, EvaluationTest, testing::ValuesIn(AllLosses()),
                         [](const auto& test) { return NameOf(test.param); });

TEST(EvaluationRegressionTest, ErrorsAreInTheCallersUnits) {
  const NetworkSpec spec =
      MakeSpec(2, {1}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError);
  const Network network(spec);
  Normalization normalization;
  normalization.targets = {.mean = {100.0F}, .scale = {10.0F}};
  ModelState state = InitialState(network, normalization);
  state.parameters = std::make_shared<AlignedBuffer>(state.parameters->size());  // all zero
  SampleRows rows = MakeRows(spec, 2, 1);
  rows.targets = {90.0F, 120.0F};  // the network says 100
  const Executor executor(1);
  const Cancellation never;
  const Predictor predictor(network, state.parameters->span(), *state.normalization);
  const auto evaluation =
      Evaluate(network, predictor, *state.normalization, rows.View(spec), 0.5, executor, never);
  ASSERT_TRUE(evaluation.ok());
  EXPECT_DOUBLE_EQ(*evaluation->metrics.mean_absolute_error, 15.0);
  EXPECT_DOUBLE_EQ(*evaluation->metrics.root_mean_squared_error, std::sqrt(250.0));
  EXPECT_DOUBLE_EQ(evaluation->loss, (1.0 + 4.0) / 2) << "in standardised units";
}

TEST(EvaluationCancellationTest, EndsBetweenBlocks) {
  const NetworkSpec spec =
      MakeSpec(2, {1}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError);
  const Network network(spec);
  const ModelState state = InitialState(network, {});
  const SampleRows rows = MakeRows(spec, 2, 1);
  const Executor executor(1);
  Cancellation cancellation;
  cancellation.Cancel(absl::StatusCode::kUnavailable);
  const Predictor predictor(network, state.parameters->span(), *state.normalization);
  EXPECT_EQ(Evaluate(network, predictor, *state.normalization, rows.View(spec), 0.5, executor,
                     cancellation)
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chainrule::engine
