#include "engine/train/trainer.h"

#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "engine/train/batches.h"
#include "engine/train/gradients.h"
#include "engine/train/schedule.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAreArray;

std::span<const float> ParametersOf(const ModelState& state) { return state.parameters->span(); }
std::span<const float> OptimizerOf(const ModelState& state) { return state.optimizer->span(); }

NetworkSpec SmallSpec(Loss loss = Loss::kBinaryCrossEntropy) {
  NetworkSpec spec = MakeSpec(6, {8, 3}, Activation::kTanh, LastFor(loss), loss);
  spec.multi_label = loss == Loss::kBinaryCrossEntropy;
  spec.optimizer.kind = OptimizerKind::kAdam;
  spec.optimizer.learning_rate = 0.01;
  spec.seed = 11;
  return spec;
}

class TrainerTest : public testing::Test {
 protected:
  // Steps until the trainer is done; the status of the last one.
  static absl::Status RunToEnd(Trainer* trainer) {
    while (!trainer->done()) {
      if (absl::Status status = trainer->Step(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  static void ExpectSame(const ModelState& a, const ModelState& b) {
    EXPECT_THAT(ParametersOf(a), ElementsAreArray(ParametersOf(b)));
    EXPECT_THAT(OptimizerOf(a), ElementsAreArray(OptimizerOf(b)));
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.optimizer_steps, b.optimizer_steps);
    EXPECT_EQ(a.normalization->inputs.mean, b.normalization->inputs.mean);
    EXPECT_EQ(a.normalization->inputs.scale, b.normalization->inputs.scale);
  }

  const Executor executor_{2};
  const Cancellation never_;
};

TEST_F(TrainerTest, LossFalls) {
  for (const Loss loss : AllLosses()) {
    const NetworkSpec spec = SmallSpec(loss);
    const Network network(spec);
    const SampleRows rows = MakeRows(spec, 200, 1);
    const Examples examples = rows.View(spec);
    Trainer trainer(network, examples, nullptr, {.epochs = 30, .batch_size = 16},
                    InitialState(network, {}), executor_, never_);
    ASSERT_TRUE(RunToEnd(&trainer).ok());
    EXPECT_LT(trainer.result().epochs.back().loss, 0.5 * trainer.result().epochs.front().loss)
        << NameOf(loss);
  }
}

TEST_F(TrainerTest, StepsAreEpochsTimesBatchesAndTheShortOneCounts) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 50, 1);
  const Examples examples = rows.View(spec);
  Trainer trainer(network, examples, nullptr, {.epochs = 3, .batch_size = 16},
                  InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(RunToEnd(&trainer).ok());
  EXPECT_EQ(trainer.result().steps_taken, 3 * 4);
  EXPECT_EQ(trainer.step(), 12);
  EXPECT_EQ(trainer.result().epochs.size(), 3U);
  EXPECT_EQ(trainer.result().epochs[1].model_step, 8);
  EXPECT_EQ(trainer.result().stop_reason, StopReason::kCompleted);
}

// One step of plain gradient descent on all rows: θ − η·dθ, the gradient by
// ComputeGradients.
TEST_F(TrainerTest, AStepIsGradientDescent) {
  NetworkSpec spec = SmallSpec();
  spec.optimizer = OptimizerSpec();
  spec.layers[0].l2 = 0.02F;
  spec.layers[1].l1 = 0.01F;
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 40, 1, /*weighted=*/true);
  const Examples examples = rows.View(spec);
  const ModelState before = InitialState(network, {});
  AlignedBuffer gradient(before.parameters->size());
  GradientOutputs outputs;
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    outputs.layers.emplace_back().weights = network.weights(gradient.span(), l);
    outputs.layers.back().bias = network.bias(gradient.span(), l);
  }
  const auto summary = ComputeGradients(network, before, examples, outputs, executor_, never_);
  ASSERT_TRUE(summary.ok());
  Trainer trainer(network, examples, nullptr, {}, before, executor_, never_);
  ASSERT_TRUE(RunToEnd(&trainer).ok());
  const ModelState after = trainer.Share();
  for (size_t i = 0; i < gradient.size(); ++i) {
    ASSERT_NEAR(ParametersOf(after)[i], ParametersOf(before)[i] - 0.1F * gradient.data()[i], 1e-7);
  }
  EXPECT_NEAR(trainer.result().loss, summary->loss, 1e-9);
  double squares = 0;
  for (const float g : gradient.span()) squares += double{g} * double{g};
  EXPECT_NEAR(trainer.result().epochs[0].gradient_norm, std::sqrt(squares), 1e-6);
}

TEST_F(TrainerTest, RowsBeyondABlockAccumulate) {
  NetworkSpec spec = SmallSpec();
  spec.optimizer = OptimizerSpec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 10'000, 1, /*weighted=*/true);
  const Examples all = rows.View(spec);
  const ModelState before = InitialState(network, {});
  Trainer trainer(network, all, nullptr, {}, before, executor_, never_);
  ASSERT_TRUE(RunToEnd(&trainer).ok());
  // The gradient of the whole is the weighted mean of the gradients of its parts.
  std::vector<double> mean(before.parameters->size());
  double weight_sum = 0;
  for (int64_t first = 0; first < 10'000; first += 1'000) {
    Examples part(spec.input_width, spec.output_width());
    rows.AppendTo(&part, first, 1'000, spec.input_width, spec.output_width());
    AlignedBuffer gradient(before.parameters->size());
    GradientOutputs outputs;
    for (int64_t l = 0; l < network.layer_count(); ++l) {
      outputs.layers.emplace_back().weights = network.weights(gradient.span(), l);
      outputs.layers.back().bias = network.bias(gradient.span(), l);
    }
    const auto summary = ComputeGradients(network, before, part, outputs, executor_, never_);
    ASSERT_TRUE(summary.ok());
    weight_sum += summary->weight_sum;
    for (size_t i = 0; i < mean.size(); ++i) {
      mean[i] += summary->weight_sum * double{gradient.data()[i]};
    }
  }
  const ModelState after = trainer.Share();
  for (size_t i = 0; i < mean.size(); ++i) {
    const double step = double{ParametersOf(before)[i]} - double{ParametersOf(after)[i]};
    ASSERT_NEAR(step, 0.1 * mean[i] / weight_sum, 1e-6);
  }
}

TEST_F(TrainerTest, EpochLossIsTheWeightedMeanOfItsBatches) {
  NetworkSpec spec = SmallSpec();
  spec.optimizer.kind = OptimizerKind::kSgd;
  spec.optimizer.learning_rate = 0.0;  // the weights stay, so the epoch is one evaluation
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 70, 1, /*weighted=*/true);
  const Examples examples = rows.View(spec);
  const auto loss_with = [&](int64_t batch_size) {
    Trainer trainer(network, examples, nullptr, {.batch_size = batch_size},
                    InitialState(network, {}), executor_, never_);
    EXPECT_TRUE(RunToEnd(&trainer).ok());
    return trainer.result().loss;
  };
  EXPECT_NEAR(loss_with(16), loss_with(70), 1e-7);
}

TEST_F(TrainerTest, WeightsCountByTheirProportionsHoweverLargeOrSmall) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  SampleRows rows = MakeRows(spec, 40, 1);
  const auto train = [&](float weight) {
    rows.weights.assign(40, weight);
    rows.weights[0] = 2 * weight;
    const Examples examples = rows.View(spec);
    Trainer trainer(network, examples, nullptr, {.epochs = 3, .batch_size = 16},
                    InitialState(network, {}), executor_, never_);
    EXPECT_TRUE(RunToEnd(&trainer).ok()) << weight;
    return trainer.Share();
  };
  const ModelState one = train(1.0F);
  for (const float weight : {1e38F, 1e-37F}) {
    const ModelState other = train(weight);
    for (size_t i = 0; i < ParametersOf(one).size(); ++i) {
      ASSERT_NEAR(ParametersOf(other)[i], ParametersOf(one)[i], 1e-5);
    }
  }
}

TEST_F(TrainerTest, ResumedCallEndsInTheBitsOfAnUninterruptedOne) {
  NetworkSpec spec = SmallSpec();
  spec.layers[0].dropout = 0.3F;
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 90, 1);
  const Examples examples = rows.View(spec);
  const TrainOptions options = {.epochs = 4,
                                .batch_size = 16,
                                .fit_normalization = true,
                                .validation_fraction = 0.2,
                                .early_stopping = EarlyStopping{.patience = 9}};
  Trainer whole(network, examples, nullptr, options, InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(RunToEnd(&whole).ok());
  for (int stop = 0; stop < 20; ++stop) {
    Trainer first(network, examples, nullptr, options, InitialState(network, {}), executor_,
                  never_);
    for (int i = 0; i < stop && !first.done(); ++i) ASSERT_TRUE(first.Step().ok());
    const TrainProgress progress = first.progress();
    Trainer second(network, examples, nullptr, options, first.Share(), executor_, never_, progress);
    ASSERT_TRUE(RunToEnd(&second).ok());
    ExpectSame(second.Share(), whole.Share());
    ASSERT_EQ(second.result().epochs.size(), whole.result().epochs.size());
    for (size_t i = 0; i < whole.result().epochs.size(); ++i) {
      EXPECT_EQ(second.result().epochs[i].loss, whole.result().epochs[i].loss);
      EXPECT_EQ(second.result().epochs[i].validation_loss,
                whole.result().epochs[i].validation_loss);
    }
    EXPECT_EQ(second.result().best_epoch, whole.result().best_epoch);
  }
}

TEST_F(TrainerTest, SharedStateNeverChanges) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 64, 1);
  const Examples examples = rows.View(spec);
  Trainer trainer(network, examples, nullptr, {.epochs = 4, .batch_size = 16},
                  InitialState(network, {}), executor_, never_);
  std::vector<ModelState> shared;
  std::vector<std::vector<float>> copies;
  while (!trainer.done()) {
    shared.push_back(trainer.Share());
    copies.emplace_back(ParametersOf(shared.back()).begin(), ParametersOf(shared.back()).end());
    ASSERT_TRUE(trainer.Step().ok());
    ASSERT_TRUE(trainer.done() || trainer.Step().ok());
  }
  for (size_t i = 0; i < shared.size(); ++i) {
    EXPECT_THAT(ParametersOf(shared[i]), ElementsAreArray(copies[i]));
  }
}

TEST_F(TrainerTest, SharingDoesNotChangeTheBits) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 64, 1);
  const Examples examples = rows.View(spec);
  const TrainOptions options = {.epochs = 3, .batch_size = 16};
  Trainer alone(network, examples, nullptr, options, InitialState(network, {}), executor_, never_);
  Trainer read(network, examples, nullptr, options, InitialState(network, {}), executor_, never_);
  std::vector<ModelState> shared;
  while (!read.done()) {
    ASSERT_TRUE(read.Step().ok());
    shared.push_back(read.Share());
  }
  ASSERT_TRUE(RunToEnd(&alone).ok());
  ExpectSame(alone.Share(), read.Share());
}

// A bar that no norm reaches clips nothing, but the gradient must then be whole before
// it is used; without one, parts are used as they come.
TEST_F(TrainerTest, UpdatesInPartsAreTheUpdateAtOnce) {
  for (const OptimizerKind kind : {OptimizerKind::kSgd, OptimizerKind::kAdamW}) {
    NetworkSpec spec = MakeSpec(90, {300, 130, 3}, Activation::kTanh, Activation::kSoftmax,
                                Loss::kCategoricalCrossEntropy);
    spec.optimizer.kind = kind;
    spec.optimizer.weight_decay = 0.01;
    const SampleRows rows = MakeRows(spec, 500, 1, /*weighted=*/true);
    const Examples examples = rows.View(spec);
    const auto train = [&](double clip_norm) {
      spec.optimizer.clip_norm = clip_norm;
      const Network network(spec);
      Trainer trainer(network, examples, nullptr, {.epochs = 2, .batch_size = 64},
                      InitialState(network, {}), executor_, never_);
      EXPECT_TRUE(RunToEnd(&trainer).ok());
      return trainer.Share();
    };
    ExpectSame(train(std::numeric_limits<double>::infinity()), train(1e30));
  }
}

TEST_F(TrainerTest, CancellationEndsBeforeTheStep) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 64, 1);
  const Examples examples = rows.View(spec);
  Cancellation cancellation;
  Trainer trainer(network, examples, nullptr, {.epochs = 4, .batch_size = 16},
                  InitialState(network, {}), executor_, cancellation);
  ASSERT_TRUE(trainer.Step().ok());
  const ModelState before = trainer.Share();
  cancellation.Cancel();
  EXPECT_EQ(trainer.Step().code(), absl::StatusCode::kCancelled);
  ExpectSame(trainer.Share(), before);
}

TEST_F(TrainerTest, TimeLimitEndsAfterAWholeStep) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 64, 1);
  const Examples examples = rows.View(spec);
  Trainer trainer(network, examples, nullptr,
                  {.epochs = 4, .batch_size = 16, .time_limit = absl::ZeroDuration()},
                  InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(trainer.Step().ok());
  EXPECT_TRUE(trainer.done());
  EXPECT_EQ(trainer.result().stop_reason, StopReason::kTimeLimit);
  EXPECT_EQ(trainer.result().steps_taken, 1);
  EXPECT_GT(trainer.result().loss, 0);
  Trainer patient(network, examples, nullptr,
                  {.epochs = 2, .batch_size = 16, .time_limit = absl::InfiniteDuration()},
                  InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(RunToEnd(&patient).ok());
  EXPECT_EQ(patient.result().stop_reason, StopReason::kCompleted);
}

TEST_F(TrainerTest, LearningRateOfTheCallReplacesTheSchedules) {
  NetworkSpec spec = SmallSpec();
  spec.optimizer.schedule = {.kind = ScheduleKind::kStep, .gamma = 0.5, .period = 2};
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 64, 1);
  const Examples examples = rows.View(spec);
  Trainer scheduled(network, examples, nullptr, {.epochs = 2, .batch_size = 16},
                    InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(RunToEnd(&scheduled).ok());
  EXPECT_EQ(scheduled.result().epochs[1].learning_rate, ScheduledLearningRate(spec.optimizer, 7));
  Trainer given(network, examples, nullptr, {.epochs = 2, .batch_size = 16, .learning_rate = 0.25},
                InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(RunToEnd(&given).ok());
  EXPECT_EQ(given.result().epochs[1].learning_rate, 0.25);
}

TEST_F(TrainerTest, FitsNormalizationOnTheRowsItLearnsFrom) {
  const NetworkSpec spec = SmallSpec();
  const Network network(spec);
  SampleRows rows = MakeRows(spec, 64, 1);
  const RowSplit split = SplitRows(spec.seed, 64, 0.25);
  std::vector<int64_t> validation(static_cast<size_t>(split.validation->size()));
  split.validation->Copy(0, validation);
  for (const int64_t row : validation) {  // would spoil every mean
    std::fill_n(rows.inputs.begin() + row * 6, 6, 1e6F);
  }
  const Examples examples = rows.View(spec);
  Trainer trainer(network, examples, nullptr,
                  {.fit_normalization = true, .validation_fraction = 0.25},
                  InitialState(network, {}), executor_, never_);
  ASSERT_TRUE(trainer.Step().ok());
  for (const float mean : trainer.Share().normalization->inputs.mean) {
    EXPECT_LT(std::abs(mean), 1.0F);
  }
}

TEST_F(TrainerTest, BatchOfZeroWeightMovesNothingButPenalties) {
  NetworkSpec spec = SmallSpec();
  spec.optimizer = OptimizerSpec();
  const Network network(spec);
  SampleRows rows = MakeRows(spec, 32, 1, /*weighted=*/true);
  std::fill_n(rows.weights.begin(), 16, 0.0F);
  const Examples examples = rows.View(spec);
  const ModelState before = InitialState(network, {});
  Trainer trainer(network, examples, nullptr, {.batch_size = 16, .keep_order = true}, before,
                  executor_, never_);
  ASSERT_TRUE(trainer.Step().ok());
  const ModelState after = trainer.Share();
  EXPECT_EQ(after.step, 1);
  EXPECT_THAT(ParametersOf(after), ElementsAreArray(ParametersOf(before)));
  ASSERT_TRUE(trainer.Step().ok());
  EXPECT_GT(trainer.result().loss, 0);
}

}  // namespace
}  // namespace chainrule::engine
