// The whole chain against central differences of its float64 twin.
#include "engine/nn/chain.h"

#include <atomic>
#include <cmath>
#include <tuple>
#include <vector>

#include "engine/kernels/dropout.h"
#include "engine/kernels/reduce.h"
#include "engine/nn/reference.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kRows = 13;
constexpr double kStep = 6e-6;

// A network with its rows, run forward and backward.
class ChainRun {
 public:
  ChainRun(const NetworkSpec& spec, bool weighted, const ChainDropout* dropout = nullptr)
      : network_(spec),
        sample_(MakeRows(spec, kRows, 5, weighted)),
        parameters_(static_cast<size_t>(network_.block_size())),
        gradient_(parameters_.size()),
        workspace_(network_, kRows, {.keep_z = true, .dropout = dropout != nullptr}) {
    network_.Initialize(parameters_.span());
    for (int64_t l = 0; l < network_.layer_count(); ++l) {  // biases that are not zero
      const std::vector<float> bias = RandomFloats(network_.layer_units(l), 70 + l);
      std::copy(bias.begin(), bias.end(), network_.bias(parameters_.span(), l).begin());
    }
    std::copy(sample_.inputs.begin(), sample_.inputs.end(), workspace_.inputs(kRows).data);
    std::copy(sample_.targets.begin(), sample_.targets.end(), workspace_.targets(kRows).data);
    if (!weighted) sample_.weights.assign(kRows, 1.0F);
    double weight_sum = 0;
    for (const float weight : sample_.weights) weight_sum += double{weight};
    const Chain chain(network_, executor_);
    chain.Forward(parameters_.span(), kRows, dropout, &workspace_);
    chain.LossGradient(kRows, &workspace_);
    ScaleRows(sample_.weights, workspace_.dz(network_.layer_count() - 1, kRows));
    chain.Backward(parameters_.span(), kRows, static_cast<float>(1 / weight_sum), 0.0F, &workspace_,
                   gradient_.span());
  }

  ReferenceNetwork Reference() {
    std::vector<ConstMatrixView> z;
    for (int64_t l = 0; l < network_.layer_count(); ++l) z.push_back(workspace_.z(l, kRows));
    return {network_,
            parameters_.span(),
            workspace_.inputs(kRows),
            workspace_.targets(kRows),
            sample_.weights,
            z};
  }

  // The largest difference between the gradient and central differences, relative to
  // the largest entry of the tensor.
  double WorstError(int64_t layer, bool bias) {
    const ReferenceNetwork reference = Reference();
    const MatrixView dw = network_.weights(gradient_.span(), layer);
    const std::span<float> db = network_.bias(gradient_.span(), layer);
    double largest = 0;
    double worst = 0;
    for (int64_t unit = 0; unit < dw.rows; ++unit) {
      for (int64_t input = 0; input < (bias ? 1 : dw.columns); ++input) {
        const ParameterPlace place = {layer, bias, unit, input};
        const double difference =
            (reference.Loss(place, kStep) - reference.Loss(place, -kStep)) / (2 * kStep);
        const double gradient = bias ? db[static_cast<size_t>(unit)] : dw(unit, input);
        worst = std::max(worst, std::abs(gradient - difference));
        largest = std::max(largest, std::abs(gradient));
      }
    }
    EXPECT_GT(largest, 0);
    return worst / largest;
  }

  const Network& network() const { return network_; }
  Workspace* workspace() { return &workspace_; }
  std::span<const float> gradient() const { return gradient_.span(); }

 private:
  const Executor executor_{2};
  const Network network_;
  SampleRows sample_;
  AlignedBuffer parameters_;
  AlignedBuffer gradient_;
  Workspace workspace_;
};

class ChainTest : public testing::TestWithParam<std::tuple<Activation, Loss, bool>> {
 protected:
  static NetworkSpec Spec() {
    const auto [hidden, loss, weighted] = GetParam();
    return MakeSpec(5, {7, 6, 3}, hidden, LastFor(loss), loss);
  }
};

TEST_P(ChainTest, BackwardMatchesCentralDifferences) {
  ChainRun run(Spec(), std::get<2>(GetParam()));
  for (int64_t l = 0; l < 3; ++l) {
    EXPECT_LT(run.WorstError(l, false), 1e-5) << "weights of layer " << l;
    EXPECT_LT(run.WorstError(l, true), 1e-5) << "biases of layer " << l;
  }
}

TEST_P(ChainTest, ForwardIsItsReference) {
  ChainRun run(Spec(), false);
  const ReferenceNetwork reference = run.Reference();
  for (int64_t l = 0; l < 3; ++l) {
    const MatrixView a = run.workspace()->a(l, kRows);
    for (int64_t i = 0; i < a.size(); ++i) {
      ASSERT_NEAR(a.data[i], reference.a(l)[static_cast<size_t>(i)], 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ChainTest,
                         testing::Combine(testing::ValuesIn(HiddenActivations()),
                                          testing::ValuesIn(AllLosses()), testing::Bool()),
                         [](const auto& test) {
                           return NameOf(std::get<0>(test.param)) +
                                  NameOf(std::get<1>(test.param)) +
                                  (std::get<2>(test.param) ? "Weighted" : "Unweighted");
                         });

// Regression through every activation, whose derivative is then not cancelled.
class LastActivationTest : public testing::TestWithParam<std::tuple<Activation, Loss>> {};

TEST_P(LastActivationTest, BackwardMatchesCentralDifferences) {
  const auto [last, loss] = GetParam();
  NetworkSpec spec = MakeSpec(5, {7, 3}, Activation::kTanh, last, loss);
  spec.loss.huber_delta = 0.3F;
  ChainRun run(spec, true);
  for (int64_t l = 0; l < 2; ++l) EXPECT_LT(run.WorstError(l, false), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(All, LastActivationTest,
                         testing::Combine(testing::ValuesIn(HiddenActivations()),
                                          testing::Values(Loss::kMeanSquaredError, Loss::kHuber)),
                         [](const auto& test) {
                           return NameOf(std::get<0>(test.param)) + NameOf(std::get<1>(test.param));
                         });

// With the second layer linear, dropping an activation is the same as a zero in its
// place: the chain with a mask must be the chain on the masked activations.
TEST(ChainDropoutTest, DroppedActivationsAreSeenForwardAndBackward) {
  NetworkSpec spec =
      MakeSpec(5, {40, 3}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError);
  spec.layers[0].dropout = 0.4F;
  const ChainDropout dropout = {.stream = RandomStream(9, RandomPurpose::kDropout, 2)};
  ChainRun run(spec, false, &dropout);
  Workspace& workspace = *run.workspace();
  Matrix mask(kRows, 40);
  DropoutMask({.stream = &dropout.stream, .layer = 0, .units = 40, .probability = 0.4F}, 0, 0,
              mask.view());
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < 40; ++j) {
      ASSERT_EQ(workspace.output(0, kRows)(i, j), workspace.a(0, kRows)(i, j) * mask(i, j));
    }
  }
  // dZ[0] = (dZ[1]·W[1]) ∘ mask ∘ f'(Z[0]): nothing flows through what was dropped.
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < 40; ++j) {
      ASSERT_TRUE(mask(i, j) != 0.0F || workspace.dz(0, kRows)(i, j) == 0.0F);
    }
  }
}

TEST(ChainDropoutTest, BackwardMatchesCentralDifferencesOfTheMaskedNetwork) {
  NetworkSpec spec =
      MakeSpec(4, {8, 2}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError);
  spec.layers[0].dropout = 0.5F;
  const Network network(spec);
  const Executor executor(1);
  const ChainDropout dropout = {.stream = RandomStream(9, RandomPurpose::kDropout, 2)};
  const SampleRows sample = MakeRows(spec, kRows, 5);
  AlignedBuffer parameters(static_cast<size_t>(network.block_size()));
  AlignedBuffer gradient(parameters.size());
  network.Initialize(parameters.span());
  Workspace workspace(network, kRows, {.dropout = true});
  const Chain chain(network, executor);
  const auto loss = [&] {
    std::copy(sample.inputs.begin(), sample.inputs.end(), workspace.inputs(kRows).data);
    std::copy(sample.targets.begin(), sample.targets.end(), workspace.targets(kRows).data);
    chain.Forward(parameters.span(), kRows, &dropout, &workspace);
    chain.LossGradient(kRows, &workspace);
    double sum = 0;
    for (const double row : workspace.row_loss(kRows)) sum += row;
    return sum / kRows;
  };
  loss();
  chain.Backward(parameters.span(), kRows, 1.0F / kRows, 0.0F, &workspace, gradient.span());
  constexpr float kCoarse = 1e-2F;
  for (int64_t k = 0; k < network.weights(parameters.span(), 0).size(); ++k) {
    float& weight = network.weights(parameters.span(), 0).data[k];
    const float before = weight;
    weight = before + kCoarse;
    const double up = loss();
    weight = before - kCoarse;
    const double down = loss();
    weight = before;
    const double difference = (up - down) / (2.0 * double{kCoarse});
    EXPECT_NEAR(network.weights(gradient.span(), 0).data[k], difference, 2e-3);
  }
}

// Rows without gaps into rows that may have some.
void CopyRows(const std::vector<float>& from, MatrixView to) {
  for (int64_t i = 0; i < to.rows; ++i) {
    std::copy_n(from.begin() + i * to.columns, to.columns, to.row(i).begin());
  }
}

// Products of several tiles, rows with gaps, and one layer that is a single unit.
TEST(ChainPartsTest, PartsAreTheGradientAndEachComesOnce) {
  constexpr int64_t kBatch = 300;
  const NetworkSpec spec = MakeSpec(384, {500, 256, 1}, Activation::kTanh, Activation::kSigmoid,
                                    Loss::kBinaryCrossEntropy);
  const Network network(spec);
  const SampleRows sample = MakeRows(spec, kBatch, 5);
  AlignedBuffer parameters(static_cast<size_t>(network.block_size()));
  network.Initialize(parameters.span());
  AlignedBuffer whole(parameters.size());
  AlignedBuffer in_parts(parameters.size());
  for (const int threads : {1, 3}) {
    const Executor executor(threads);
    const Chain chain(network, executor);
    Workspace workspace(network, kBatch, {});
    TileScratch scratch(threads);
    AlignedBuffer work(parameters.size());
    std::vector<std::atomic<int>> told(parameters.size());
    CopyRows(sample.inputs, workspace.inputs(kBatch));
    CopyRows(sample.targets, workspace.targets(kBatch));
    chain.Forward(parameters.span(), kBatch, nullptr, &workspace);
    chain.LossGradient(kBatch, &workspace);
    chain.Backward(parameters.span(), kBatch, 0.5F, 0.0F, &workspace, whole.span());
    chain.LossGradient(kBatch, &workspace);  // dz of the layers below was overwritten
    chain.BackwardInParts(parameters.span(), kBatch, 0.5F, &workspace, &scratch, work.span(),
                          [&](int64_t first, std::span<const float> part) {
                            for (size_t i = 0; i < part.size(); ++i) {
                              in_parts.data()[first + static_cast<int64_t>(i)] = part[i];
                              ++told[static_cast<size_t>(first) + i];
                            }
                          });
    EXPECT_TRUE(std::equal(whole.span().begin(), whole.span().end(), in_parts.span().begin()));
    for (int64_t l = 0; l < network.layer_count(); ++l) {
      const ConstMatrixView weights = network.weights(parameters.span(), l);
      const auto offset = static_cast<size_t>(weights.data - parameters.data());
      for (int64_t i = 0; i < weights.rows; ++i) {
        for (int64_t j = 0; j < weights.columns; ++j) {
          ASSERT_EQ(told[offset + static_cast<size_t>(i * weights.stride + j)], 1);
        }
      }
      const auto bias = static_cast<size_t>(network.bias_offset(l));
      for (size_t i = 0; i < static_cast<size_t>(network.layer_units(l)); ++i) {
        ASSERT_EQ(told[bias + i], 1);
      }
    }
  }
}

}  // namespace
}  // namespace chainrule::engine
