#include "engine/io/fold_normalization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "engine/nn/predictor.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

NetworkSpec Spec(Activation last, Loss loss) {
  NetworkSpec spec;
  spec.input_width = 4;
  spec.layers.resize(2);
  spec.layers[0].units = 6;
  spec.layers[0].activation.kind = Activation::kTanh;
  spec.layers[1].units = 3;
  spec.layers[1].activation.kind = last;
  spec.loss.kind = loss;
  spec.seed = 5;
  return spec;
}

Matrix Predict(const Network& network, const ModelState& state, const Matrix& inputs) {
  const Predictor predictor(network, state.parameters->span(), *state.normalization);
  Predictor::Scratch scratch;
  Matrix outputs(inputs.rows(), network.spec().output_width());
  predictor.Run(inputs.view(), outputs.view(), MatrixView(), &scratch);
  return outputs;
}

void ExpectSameOutputs(const Network& network, Normalization normalization) {
  const ModelState state = InitialState(network, std::move(normalization));
  const absl::StatusOr<ModelState> folded = FoldNormalization(network, state);
  ASSERT_TRUE(folded.ok()) << folded.status();
  EXPECT_TRUE(folded->normalization->inputs.empty());
  EXPECT_TRUE(folded->normalization->targets.empty());
  const Matrix inputs = RandomMatrix(9, 4, 1);
  const Matrix expected = Predict(network, state, inputs);
  const Matrix outputs = Predict(network, *folded, inputs);
  for (int64_t i = 0; i < 9; ++i) {
    for (int64_t j = 0; j < 3; ++j) {
      EXPECT_NEAR(outputs(i, j), expected(i, j), 1e-5 * (1 + std::abs(expected(i, j))));
    }
  }
}

TEST(FoldNormalizationTest, AFoldedNetworkGivesTheSameOutputs) {
  Normalization normalization;
  normalization.inputs = {{1, -2, 0.5F, 3}, {2, 0.5F, 1, 4}};
  ExpectSameOutputs(Network(Spec(Activation::kSoftmax, Loss::kCategoricalCrossEntropy)),
                    normalization);
  const Network regression(Spec(Activation::kIdentity, Loss::kMeanSquaredError));
  ExpectSameOutputs(regression, normalization);
  normalization.targets = {{10, -20, 0}, {3, 0.1F, 50}};
  ExpectSameOutputs(regression, normalization);
  ExpectSameOutputs(regression, {{}, normalization.targets});
}

TEST(FoldNormalizationTest, TargetsDoNotFoldThroughABentLayer) {
  const Network network(Spec(Activation::kTanh, Loss::kMeanSquaredError));
  const ModelState state = InitialState(network, {{}, {{0, 0, 0}, {1, 2, 3}}});
  EXPECT_EQ(FoldNormalization(network, state).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace chainrule::engine
