#include "engine/train/gradients.h"

#include <cmath>

#include "engine/nn/reference.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kRows = 9;

// A matrix whose rows lie apart and whose elements no vector aligns.
class Loose {
 public:
  Loose(int64_t rows, int64_t columns)
      : columns_(columns), elements_(static_cast<size_t>(rows * (columns + 3) + 1), kUntouched) {
    view_ = MatrixView(elements_.data() + 1, rows, columns, columns + 3);
  }
  MatrixView view() const { return view_; }
  void ExpectGapsUntouched() const {
    for (int64_t i = 0; i < view_.rows; ++i) {
      for (int64_t j = 0; j < 3; ++j) {
        EXPECT_EQ(view_.data[i * view_.stride + columns_ + j], kUntouched);
      }
    }
  }

 private:
  static constexpr float kUntouched = 12345.0F;
  int64_t columns_;
  std::vector<float> elements_;
  MatrixView view_;
};

// All outputs of a network for its rows.
struct Results {
  Results(const Network& network, int64_t rows)
      : inputs(rows, network.spec().input_width), norms(static_cast<size_t>(rows)) {
    biases.reserve(static_cast<size_t>(network.layer_count()));
    for (int64_t l = 0; l < network.layer_count(); ++l) {
      const int64_t units = network.layer_units(l);
      weights.emplace_back(units, network.layer_inputs(l));
      biases.emplace_back(static_cast<size_t>(units));
      for (auto* matrices : {&z, &a, &dz, &da}) matrices->emplace_back(rows, units);
      outputs.layers.push_back({weights.back().view(), biases.back(), z.back().view(),
                                a.back().view(), dz.back().view(), da.back().view()});
    }
    outputs.inputs = inputs.view();
    outputs.example_norms = norms;
  }

  std::vector<Loose> weights, z, a, dz, da;
  std::vector<std::vector<float>> biases;
  Loose inputs;
  std::vector<double> norms;
  GradientOutputs outputs;
};

class GradientsTest : public testing::TestWithParam<Loss> {
 protected:
  static NetworkSpec Spec() {
    NetworkSpec spec = MakeSpec(5, {6, 3}, Activation::kTanh, LastFor(GetParam()), GetParam());
    spec.layers[0].l2 = 0.1F;
    spec.layers[1].l1 = 0.2F;
    spec.layers[0].dropout = 0.5F;  // must not act
    return spec;
  }

  ModelState State(bool normalized) const {
    Normalization normalization;
    if (normalized) {
      normalization.inputs = {.mean = {0.1F, 0.2F, 0.3F, 0.4F, 0.5F},
                              .scale = {1.0F, 2.0F, 0.5F, 0.25F, 3.0F}};
    }
    return InitialState(network_, normalization);
  }

  GradientSummary Compute(const ModelState& state, const Examples& examples,
                          const Results& results) const {
    const auto summary =
        ComputeGradients(network_, state, examples, results.outputs, executor_, never_);
    EXPECT_TRUE(summary.ok());
    return *summary;
  }

  const Executor executor_{2};
  const Cancellation never_;
  const Network network_{Spec()};
  const SampleRows rows_ = MakeRows(Spec(), kRows, 1, /*weighted=*/true);
  const Examples examples_ = rows_.View(Spec());
};

TEST_P(GradientsTest, ParametersMatchCentralDifferencesPenaltiesIncluded) {
  const ModelState state = State(false);
  const Results results(network_, kRows);
  Compute(state, examples_, results);
  const ReferenceNetwork reference(network_, state.parameters->span(),
                                   {rows_.inputs.data(), kRows, 5},
                                   {rows_.targets.data(), kRows, 3}, rows_.weights, {});
  constexpr double kStep = 6e-6;
  for (int64_t l = 0; l < 2; ++l) {
    const MatrixView dw = results.outputs.layers[static_cast<size_t>(l)].weights;
    for (int64_t unit = 0; unit < dw.rows; ++unit) {
      for (int64_t input = 0; input < dw.columns; ++input) {
        const ParameterPlace place = {l, false, unit, input};
        const double difference =
            (reference.Loss(place, kStep) - reference.Loss(place, -kStep)) / (2 * kStep);
        ASSERT_NEAR(dw(unit, input), difference, 1e-5);
      }
    }
    results.weights[static_cast<size_t>(l)].ExpectGapsUntouched();
  }
}

TEST_P(GradientsTest, SummaryIsTheWeightedMean) {
  const ModelState state = State(false);
  const Results results(network_, kRows);
  const GradientSummary summary = Compute(state, examples_, results);
  const ReferenceNetwork reference(network_, state.parameters->span(),
                                   {rows_.inputs.data(), kRows, 5},
                                   {rows_.targets.data(), kRows, 3}, rows_.weights, {});
  EXPECT_NEAR(summary.loss + summary.penalty, reference.Loss(), 1e-6);
  double penalty = 0;
  const ConstMatrixView first = network_.weights(state.parameters->span(), 0);
  for (int64_t i = 0; i < first.size(); ++i) {
    penalty += 0.5 * 0.1 * double{first.data[i]} * double{first.data[i]};
  }
  const ConstMatrixView second = network_.weights(state.parameters->span(), 1);
  for (int64_t i = 0; i < second.size(); ++i) penalty += 0.2 * std::abs(double{second.data[i]});
  EXPECT_NEAR(summary.penalty, penalty, 1e-6);
  double weight_sum = 0;
  for (const float weight : rows_.weights) weight_sum += double{weight};
  EXPECT_NEAR(summary.weight_sum, weight_sum, 1e-9);
}

// The derivative of the row's own loss, by differences of ComputeGradients' own loss.
TEST_P(GradientsTest, InputGradientsAreByTheInputsAsSent) {
  const ModelState state = State(true);
  const Results results(network_, kRows);
  Compute(state, examples_, results);
  constexpr float kStep = 1e-2F;
  for (int64_t j = 0; j < 5; ++j) {
    SampleRows row;
    row.rows = 1;
    row.inputs.assign(rows_.inputs.begin() + 10, rows_.inputs.begin() + 15);
    row.targets.assign(rows_.targets.begin() + 6, rows_.targets.begin() + 9);
    GradientOutputs none;
    none.layers.resize(2);
    const auto loss = [&](float change) {
      SampleRows moved = row;
      moved.inputs[static_cast<size_t>(j)] += change;
      return ComputeGradients(network_, state, moved.View(Spec()), none, executor_, never_)->loss;
    };
    const double difference = (loss(kStep) - loss(-kStep)) / (2 * double{kStep});
    EXPECT_NEAR(results.inputs.view()(2, j), difference, 5e-3 * (1 + std::abs(difference)));
  }
}

TEST_P(GradientsTest, WhatBelongsToOneExampleIsTheSameAloneAndInABatch) {
  const ModelState state = State(true);
  const Results all(network_, kRows);
  Compute(state, examples_, all);
  for (int64_t i = 0; i < kRows; ++i) {
    Examples single(5, 3);
    rows_.AppendTo(&single, i, 1, 5, 3);
    const Results alone(network_, 1);
    Compute(state, single, alone);
    for (size_t l = 0; l < 2; ++l) {
      const GradientOutputs::Layer& in_batch = all.outputs.layers[l];
      const GradientOutputs::Layer& by_itself = alone.outputs.layers[l];
      for (int64_t j = 0; j < in_batch.z.columns; ++j) {
        EXPECT_NEAR(in_batch.z(i, j), by_itself.z(0, j), 1e-5);
        EXPECT_NEAR(in_batch.a(i, j), by_itself.a(0, j), 1e-5);
        EXPECT_NEAR(in_batch.dz(i, j), by_itself.dz(0, j), 1e-5);
        EXPECT_NEAR(in_batch.da(i, j), by_itself.da(0, j),
                    1e-5 * (1 + std::abs(by_itself.da(0, j))));
      }
    }
    EXPECT_NEAR(all.norms[static_cast<size_t>(i)], alone.norms[0], 1e-5 * (1 + alone.norms[0]));
  }
}

// An example's norm is that of the gradient it gives alone, without penalties.
TEST_P(GradientsTest, ExampleNormIsTheNormOfItsOwnGradient) {
  NetworkSpec spec = Spec();
  for (LayerSpec& layer : spec.layers) layer.l1 = layer.l2 = 0.0F;
  const Network network(spec);
  const ModelState state = InitialState(network, {});
  const Results all(network, kRows);
  ASSERT_TRUE(ComputeGradients(network, state, examples_, all.outputs, executor_, never_).ok());
  for (int64_t i = 0; i < kRows; ++i) {
    Examples single(5, 3);
    rows_.AppendTo(&single, i, 1, 5, 3);
    const Results alone(network, 1);
    ASSERT_TRUE(ComputeGradients(network, state, single, alone.outputs, executor_, never_).ok());
    double squares = 0;
    for (const GradientOutputs::Layer& layer : alone.outputs.layers) {
      for (const float db : layer.bias) squares += double{db} * double{db};
      for (int64_t unit = 0; unit < layer.weights.rows; ++unit) {
        for (const float dw : layer.weights.row(unit)) squares += double{dw} * double{dw};
      }
    }
    EXPECT_NEAR(all.norms[static_cast<size_t>(i)], std::sqrt(squares), 1e-5);
  }
}

TEST_P(GradientsTest, LinksOfTheChainFitTogether) {
  const ModelState state = State(false);
  const Results results(network_, kRows);
  Compute(state, examples_, results);
  const ConstMatrixView w = network_.weights(state.parameters->span(), 1);
  const GradientOutputs::Layer& hidden = results.outputs.layers[0];
  const GradientOutputs::Layer& last = results.outputs.layers[1];
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < 6; ++j) {  // dA[l−1] = dZ[l]·W[l], dZ = dA ∘ (1 − A²)
      double da = 0;
      for (int64_t k = 0; k < 3; ++k) da += double{last.dz(i, k)} * double{w(k, j)};
      EXPECT_NEAR(hidden.da(i, j), da, 1e-5);
      EXPECT_NEAR(hidden.dz(i, j), da * (1 - std::pow(double{hidden.a(i, j)}, 2)), 1e-5);
    }
    // dZ[L] = dA[L] through the last activation's Jacobian.
    double through = 0;
    for (int64_t k = 0; k < 3; ++k) through += double{last.da(i, k)} * double{last.a(i, k)};
    for (int64_t k = 0; k < 3; ++k) {
      const double a = last.a(i, k);
      const double da = last.da(i, k);
      double dz = da;
      if (GetParam() == Loss::kBinaryCrossEntropy) dz = da * a * (1 - a);
      if (GetParam() == Loss::kCategoricalCrossEntropy) dz = a * (da - through);
      EXPECT_NEAR(last.dz(i, k), dz, 1e-5);
    }
  }
}

TEST_P(GradientsTest, WhatIsNotWantedIsNotNeeded) {
  const ModelState state = State(false);
  const Results all(network_, kRows);
  Compute(state, examples_, all);
  Matrix dw(3, 6);
  GradientOutputs some;
  some.layers.resize(2);
  some.layers[1].weights = dw.view();
  const auto summary = ComputeGradients(network_, state, examples_, some, executor_, never_);
  ASSERT_TRUE(summary.ok());
  EXPECT_NEAR(summary->penalty, Compute(state, examples_, all).penalty, 1e-12);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 6; ++j) {
      EXPECT_NEAR(dw(i, j), all.outputs.layers[1].weights(i, j), 1e-7);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GradientsTest, testing::ValuesIn(AllLosses()),
                         [](const auto& test) { return NameOf(test.param); });

TEST(GradientsBlocksTest, RowsBeyondABlockLandInTheirPlaces) {
  const NetworkSpec spec = MakeSpec(4, {3, 2}, Activation::kSigmoid, Activation::kSoftmax,
                                    Loss::kCategoricalCrossEntropy);
  const Network network(spec);
  const Executor executor(2);
  const Cancellation never;
  const ModelState state = InitialState(network, {});
  const SampleRows rows = MakeRows(spec, 9'001, 1);
  const Results all(network, 9'001);
  ASSERT_TRUE(ComputeGradients(network, state, rows.View(spec), all.outputs, executor, never).ok());
  for (const int64_t i : {0, 4'095, 4'096, 8'191, 8'192, 9'000}) {
    Examples single(4, 2);
    rows.AppendTo(&single, i, 1, 4, 2);
    const Results alone(network, 1);
    ASSERT_TRUE(ComputeGradients(network, state, single, alone.outputs, executor, never).ok());
    EXPECT_NEAR(all.outputs.layers[0].dz(i, 1), alone.outputs.layers[0].dz(0, 1), 1e-6);
    EXPECT_NEAR(all.inputs.view()(i, 2), alone.inputs.view()(0, 2), 1e-6);
    EXPECT_NEAR(all.norms[static_cast<size_t>(i)], alone.norms[0], 1e-5);
  }
}

// As in training, where such a row tells nothing.
TEST(GradientsWeightTest, RowThatWeighsNothingTellsNothingThoughItOverflows) {
  const NetworkSpec spec =
      MakeSpec(3, {4, 2}, Activation::kIdentity, Activation::kIdentity, Loss::kMeanSquaredError);
  const Network network(spec);
  SampleRows rows = MakeRows(spec, 2, 1);
  rows.weights = {0, 1};
  Results expected(network, 2);
  ASSERT_TRUE(ComputeGradients(network, InitialState(network, {}), rows.View(spec),
                               expected.outputs, Executor(1), Cancellation())
                  .ok());
  for (size_t j = 0; j < 3; ++j) rows.inputs[j] = 3e38F;
  Results results(network, 2);
  ASSERT_TRUE(ComputeGradients(network, InitialState(network, {}), rows.View(spec), results.outputs,
                               Executor(1), Cancellation())
                  .ok());
  for (size_t l = 0; l < 2; ++l) {
    EXPECT_EQ(results.biases[l], expected.biases[l]);
    const ConstMatrixView weights = results.weights[l].view();
    for (int64_t i = 0; i < weights.rows; ++i) {
      EXPECT_THAT(weights.row(i), testing::ElementsAreArray(expected.weights[l].view().row(i)));
    }
  }
}

TEST(OutputGradientTest, StaysFiniteWhereTheActivationIsSaturated) {
  NetworkSpec spec =
      MakeSpec(1, {2}, Activation::kTanh, Activation::kSigmoid, Loss::kBinaryCrossEntropy);
  const Network network(spec);
  ModelState state = InitialState(network, {});
  auto parameters = std::make_shared<AlignedBuffer>(state.parameters->size());
  network.bias(parameters->span(), 0)[0] = 500.0F;
  network.bias(parameters->span(), 0)[1] = -500.0F;
  state.parameters = parameters;
  SampleRows rows = MakeRows(spec, 1, 1);
  rows.targets = {0.0F, 1.0F};  // both as wrong as can be
  const Executor executor(1);
  const Cancellation never;
  const Results results(network, 1);
  ASSERT_TRUE(
      ComputeGradients(network, state, rows.View(spec), results.outputs, executor, never).ok());
  EXPECT_TRUE(std::isfinite(results.outputs.layers[0].da(0, 0)));
  EXPECT_TRUE(std::isfinite(results.outputs.layers[0].da(0, 1)));
  EXPECT_GT(results.outputs.layers[0].da(0, 0), 1e30F);
  EXPECT_LT(results.outputs.layers[0].da(0, 1), -1e30F);
}

}  // namespace
}  // namespace chainrule::engine
