#include "engine/train/apply_gradients.h"

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/train/gradients.h"
#include "engine/train/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAreArray;
using testing::FloatNear;
using testing::HasSubstr;
using testing::Pointwise;

NetworkSpec SmallSpec() {
  NetworkSpec spec =
      MakeSpec(6, {8, 3}, Activation::kTanh, Activation::kSoftmax, Loss::kCategoricalCrossEntropy);
  spec.optimizer.learning_rate = 0.05;
  spec.seed = 11;
  return spec;
}

std::vector<float> FloatsOf(const std::shared_ptr<const AlignedBuffer>& block) {
  return {block->span().begin(), block->span().end()};
}

// All layers of a block as one contribution, which borrows them.
GradientContribution Whole(const Network& network, std::span<const float> block,
                           double weight = 1) {
  GradientContribution contribution;
  contribution.weight = weight;
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    const std::span<const float> bias = network.bias(block, l);
    contribution.layers.push_back(
        {l, network.weights(block, l), {bias.data(), 1, static_cast<int64_t>(bias.size())}});
  }
  return contribution;
}

class ApplyGradientsTest : public testing::Test {
 protected:
  // The gradient of the batch's loss, as GetGradients gives it.
  AlignedBuffer GradientOf(const Network& network, const ModelState& state,
                           const Examples& examples) {
    AlignedBuffer gradient(state.parameters->size());
    GradientOutputs outputs;
    for (int64_t l = 0; l < network.layer_count(); ++l) {
      outputs.layers.emplace_back().weights = network.weights(gradient.span(), l);
      outputs.layers.back().bias = network.bias(gradient.span(), l);
    }
    EXPECT_TRUE(ComputeGradients(network, state, examples, outputs, executor_, never_).ok());
    return gradient;
  }
  ModelState TrainOnce(const Network& network, const Examples& examples, const ModelState& state) {
    Trainer trainer(network, examples, nullptr, {}, state, executor_, never_);
    EXPECT_TRUE(trainer.Step().ok());
    return trainer.Share();
  }
  AlignedBuffer Mean(const Network& network, const std::vector<GradientContribution>& parts,
                     int threads = 2) {
    AlignedBuffer mean(static_cast<size_t>(network.block_size()));
    MeanGradient(network, parts, Executor(threads), mean.span());
    return mean;
  }

  const Executor executor_{2};
  const Cancellation never_;
};

// --- The step ----------------------------------------------------------------

struct Optimizing {
  std::string name;
  std::function<void(OptimizerSpec*)> set;
};

void PrintTo(const Optimizing& optimizing, std::ostream* out) { *out << optimizing.name; }

class EveryOptimizerTest : public ApplyGradientsTest,
                           public testing::WithParamInterface<Optimizing> {};

// Penalties included: the gradient is that of a network without them. Rows with weights are
// left out: Train weighs them at the loss, GetGradients at each layer.
TEST_P(EveryOptimizerTest, TakesTheTrainersStepToTheBit) {
  NetworkSpec spec = SmallSpec();
  GetParam().set(&spec.optimizer);
  const Network bare(spec);
  spec.layers[0].l2 = 0.02F;
  spec.layers[1].l1 = 0.01F;
  for (const bool penalized : {false, true}) {
    const Network network(penalized ? spec : bare.spec());
    ModelState trained = InitialState(network, {});
    ModelState applied = trained;
    for (int64_t step = 0; step < 5; ++step) {
      const SampleRows rows = MakeRows(spec, 40, step);
      const Examples examples = rows.View(spec);
      const AlignedBuffer gradient = GradientOf(bare, applied, examples);
      trained = TrainOnce(network, examples, trained);
      const auto next = ApplyGradient(network, applied, gradient.span(), executor_);
      ASSERT_TRUE(next.ok()) << next.status();
      applied = *next;
      ASSERT_EQ(FloatsOf(applied.parameters), FloatsOf(trained.parameters));
      ASSERT_EQ(FloatsOf(applied.optimizer), FloatsOf(trained.optimizer));
      ASSERT_EQ(applied.step, trained.step);
      ASSERT_EQ(applied.optimizer_steps, trained.optimizer_steps);
    }
  }
}

TEST_F(ApplyGradientsTest, TakesTheTrainersStepOnWeightedRows) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const ModelState before = InitialState(network, {});
  const SampleRows rows = MakeRows(spec, 40, 1, /*weighted=*/true);
  const Examples examples = rows.View(spec);
  const AlignedBuffer gradient = GradientOf(network, before, examples);
  const auto applied = ApplyGradient(network, before, gradient.span(), executor_);
  ASSERT_TRUE(applied.ok());
  EXPECT_THAT(applied->parameters->span(),
              Pointwise(FloatNear(1e-7F), TrainOnce(network, examples, before).parameters->span()));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, EveryOptimizerTest,
    testing::Values(Optimizing{"Sgd", [](OptimizerSpec*) {}},
                    Optimizing{"Momentum", [](OptimizerSpec* o) { o->momentum = 0.9; }},
                    Optimizing{"Adam", [](OptimizerSpec* o) { o->kind = OptimizerKind::kAdam; }},
                    Optimizing{"AdamwWithDecay",
                               [](OptimizerSpec* o) {
                                 o->kind = OptimizerKind::kAdamW;
                                 o->weight_decay = 0.1;
                               }},
                    Optimizing{"Rmsprop",
                               [](OptimizerSpec* o) { o->kind = OptimizerKind::kRmsProp; }},
                    Optimizing{"ClippedByNorm", [](OptimizerSpec* o) { o->clip_norm = 0.01; }},
                    Optimizing{"ClippedByValue", [](OptimizerSpec* o) { o->clip_value = 0.001; }},
                    Optimizing{"Scheduled",
                               [](OptimizerSpec* o) {
                                 o->schedule.kind = ScheduleKind::kExponential;
                                 o->schedule.period = 2;
                                 o->schedule.gamma = 0.5;
                                 o->schedule.warmup_steps = 2;
                               }}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(ApplyGradientsTest, LeavesTheStateBeforeIt) {
  const Network network(SmallSpec());
  const ModelState before = InitialState(network, {});
  const std::vector<float> parameters = FloatsOf(before.parameters);
  const std::vector<float> gradient = RandomFloats(network.block_size(), 3);
  const auto after = ApplyGradient(network, before, gradient, executor_);
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->step, 1);
  EXPECT_EQ(FloatsOf(before.parameters), parameters);
  EXPECT_NE(FloatsOf(after->parameters), parameters);
}

TEST_F(ApplyGradientsTest, StepBeyondTheFiniteNumbersIsNotTaken) {
  NetworkSpec spec = SmallSpec();
  spec.optimizer.learning_rate = 10;
  const Network network(spec);
  const ModelState before = InitialState(network, {});
  AlignedBuffer gradient(before.parameters->size());
  network.bias(gradient.span(), 1)[2] = std::numeric_limits<float>::max();
  const absl::Status status = ApplyGradient(network, before, gradient.span(), executor_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetail(status).reason, "DIVERGED");
  EXPECT_THAT(status.message(), HasSubstr("a new parameter is not finite"));
  EXPECT_THAT(status.message(), HasSubstr("stays at step 0"));
}

TEST_F(ApplyGradientsTest, PenaltyBeyondTheFiniteNumbersIsNotTaken) {
  NetworkSpec spec = SmallSpec();
  spec.layers[0].l2 = std::numeric_limits<float>::max();
  const Network network(spec);
  ModelState before = InitialState(network, {});
  auto large = std::make_shared<AlignedBuffer>(before.parameters->size());
  network.weights(large->span(), 0)(0, 0) = 4;
  before.parameters = large;
  const AlignedBuffer nothing(large->size());
  EXPECT_THAT(ApplyGradient(network, before, nothing.span(), executor_).status().message(),
              HasSubstr("the gradient is not finite"));
}

// --- The mean ----------------------------------------------------------------

TEST_F(ApplyGradientsTest, MeanIsThatOfLoopsInDouble) {
  const Network network(
      MakeSpec(1'100, {40, 3}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError));
  std::vector<std::vector<float>> blocks;
  std::vector<GradientContribution> parts;
  const std::vector<double> weights = {0.25, 3, 17.5};
  for (size_t i = 0; i < weights.size(); ++i) {
    blocks.push_back(RandomFloats(network.block_size(), static_cast<int64_t>(i)));
    parts.push_back(Whole(network, blocks.back(), weights[i]));
  }
  const AlignedBuffer mean = Mean(network, parts);
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    const ConstMatrixView computed = network.weights(mean.span(), l);
    for (int64_t i = 0; i < computed.rows; ++i) {
      for (int64_t j = 0; j < computed.columns; ++j) {
        double sum = 0;
        for (size_t k = 0; k < weights.size(); ++k) {
          sum += weights[k] * double{network.weights(std::span<const float>(blocks[k]), l)(i, j)};
        }
        ASSERT_FLOAT_EQ(computed(i, j), static_cast<float>(sum / 20.75)) << l << " " << i;
      }
    }
    const size_t last = network.bias(mean.span(), l).size() - 1;
    double sum = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      sum += weights[k] * double{network.bias(std::span<const float>(blocks[k]), l)[last]};
    }
    EXPECT_FLOAT_EQ(network.bias(mean.span(), l)[last], static_cast<float>(sum / 20.75));
  }
}

TEST_F(ApplyGradientsTest, MeanHasTheSameBitsAtAnyNumberOfThreads) {
  const Network network(
      MakeSpec(300, {200, 10}, Activation::kTanh, Activation::kIdentity, Loss::kMeanSquaredError));
  std::vector<std::vector<float>> blocks;
  std::vector<GradientContribution> parts;
  for (int i = 0; i < 5; ++i) {
    blocks.push_back(RandomFloats(network.block_size(), i));
    parts.push_back(Whole(network, blocks.back(), 0.1 * (i + 1)));
  }
  const AlignedBuffer one = Mean(network, parts, 1);
  EXPECT_THAT(Mean(network, parts, 4).span(), ElementsAreArray(one.span()));
}

TEST_F(ApplyGradientsTest, OneContributionComesOutAsItWentIn) {
  const Network network(SmallSpec());
  AlignedBuffer block(static_cast<size_t>(network.block_size()));
  network.Initialize(block.span());
  network.bias(block.span(), 0)[0] = -0.0F;
  network.bias(block.span(), 0)[1] = std::numeric_limits<float>::denorm_min();
  network.bias(block.span(), 0)[2] = -std::numeric_limits<float>::max();
  for (const double weight : {1.0, 1e308, 3e-320, 0.7}) {
    const AlignedBuffer mean = Mean(network, {Whole(network, std::as_const(block).span(), weight)});
    EXPECT_THAT(mean.span(), ElementsAreArray(block.span())) << weight;
    EXPECT_TRUE(std::signbit(network.bias(mean.span(), 0)[0])) << weight;
  }
}

TEST_F(ApplyGradientsTest, WeightsWhoseSumOverflowsStillCount) {
  const Network network(SmallSpec());
  const std::vector<float> ones(static_cast<size_t>(network.block_size()), 1.0F);
  const std::vector<float> fours(ones.size(), 4.0F);
  const AlignedBuffer mean =
      Mean(network, {Whole(network, ones, 1.5e308), Whole(network, fours, 0.75e308)});
  EXPECT_FLOAT_EQ(network.bias(mean.span(), 0)[0], 2.0F);
}

TEST_F(ApplyGradientsTest, AbsentTensorCountsAsZeros) {
  const Network network(SmallSpec());
  const std::vector<float> bias(3, 6.0F);
  GradientContribution some, nothing;
  some.layers.push_back({1, {}, {bias.data(), 1, 3}});
  nothing.layers.push_back({1, {}, {}});
  nothing.weight = 2;
  const AlignedBuffer mean = Mean(network, {some, nothing});
  EXPECT_THAT(network.bias(mean.span(), 1), testing::Each(2.0F));
  EXPECT_THAT(network.bias(mean.span(), 0), testing::Each(0.0F));
  EXPECT_EQ(network.weights(mean.span(), 0)(7, 5), 0.0F);
}

TEST_F(ApplyGradientsTest, HalfBatchesByTheirWeightsAreTheWhole) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const ModelState state = InitialState(network, {});
  const SampleRows rows = MakeRows(spec, 50, 1);
  std::vector<AlignedBuffer> gradients;
  std::vector<GradientContribution> parts;
  for (const auto& [first, count] : {std::pair(0, 20), std::pair(20, 30)}) {
    Examples half(spec.input_width, spec.output_width());
    rows.AppendTo(&half, first, count, spec.input_width, spec.output_width());
    gradients.push_back(GradientOf(network, state, half));
    parts.push_back(Whole(network, std::as_const(gradients.back()).span(), count));
  }
  const AlignedBuffer whole = GradientOf(network, state, rows.View(spec));
  EXPECT_THAT(Mean(network, parts).span(), Pointwise(FloatNear(1e-7F), whole.span()));
}

}  // namespace
}  // namespace chainrule::engine
