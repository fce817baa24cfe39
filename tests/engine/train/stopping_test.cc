// How the trainer stops: early, with the best weights back, or diverged.
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "engine/train/batches.h"
#include "engine/train/evaluation.h"
#include "engine/train/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAreArray;

// Learns noise, so that the validation loss soon rises.
class EarlyStoppingTest : public testing::Test {
 protected:
  EarlyStoppingTest() : network_(Spec()) {
    // Targets that nothing in the inputs tells.
    for (SampleRows* sample : {&rows_, &validation_rows_}) {
      const std::vector<float> noise =
          RandomFloats(static_cast<int64_t>(sample->targets.size()), sample == &rows_ ? 81 : 82);
      for (size_t i = 0; i < noise.size(); ++i) sample->targets[i] = noise[i] > 0 ? 1.0F : 0.0F;
    }
  }

  static NetworkSpec Spec() {
    NetworkSpec spec =
        MakeSpec(6, {30, 1}, Activation::kTanh, Activation::kSigmoid, Loss::kBinaryCrossEntropy);
    spec.optimizer.kind = OptimizerKind::kAdam;
    spec.optimizer.learning_rate = 0.02;
    return spec;
  }

  Trainer Make(EarlyStopping stopping) const {
    return Trainer(network_, examples_, &validation_, {.epochs = 400, .early_stopping = stopping},
                   InitialState(network_, {}), executor_, never_);
  }

  double ValidationLoss(const ModelState& state) const {
    const Predictor predictor(network_, state.parameters->span(), *state.normalization);
    return Evaluate(network_, predictor, *state.normalization, validation_, 0.5, executor_, never_)
        ->loss;
  }

  const Executor executor_{2};
  const Cancellation never_;
  const Network network_;
  SampleRows rows_ = MakeRows(Spec(), 40, 1);
  SampleRows validation_rows_ = MakeRows(Spec(), 40, 2);
  const Examples examples_ = rows_.View(Spec());
  const Examples validation_ = validation_rows_.View(Spec());
};

void RunToEnd(Trainer* trainer) {
  while (!trainer->done()) ASSERT_TRUE(trainer->Step().ok());
}

TEST_F(EarlyStoppingTest, StopsWhenPatienceIsOut) {
  Trainer trainer = Make({.patience = 5});
  RunToEnd(&trainer);
  const TrainResult& result = trainer.result();
  EXPECT_EQ(result.stop_reason, StopReason::kEarlyStopped);
  ASSERT_TRUE(result.best_epoch.has_value());
  EXPECT_EQ(static_cast<int64_t>(result.epochs.size()), *result.best_epoch + 5);
  const double best = *result.epochs[static_cast<size_t>(*result.best_epoch - 1)].validation_loss;
  for (const EpochReport& report : result.epochs) EXPECT_GE(*report.validation_loss, best);
}

TEST_F(EarlyStoppingTest, MinDeltaMakesSmallImprovementsNone) {
  Trainer trainer = Make({.patience = 3, .min_delta = 100.0});
  RunToEnd(&trainer);
  EXPECT_EQ(trainer.result().best_epoch, 1);
  EXPECT_EQ(trainer.result().epochs.size(), 4U);
}

TEST_F(EarlyStoppingTest, RestoresTheBestStateAsOneMoreStep) {
  Trainer trainer = Make({.patience = 5, .restore_best = true});
  RunToEnd(&trainer);
  const TrainResult& result = trainer.result();
  const EpochReport& best = result.epochs[static_cast<size_t>(*result.best_epoch - 1)];
  EXPECT_EQ(trainer.step(), result.steps_taken + 1);
  const ModelState state = trainer.Share();
  EXPECT_EQ(state.step, trainer.step());
  EXPECT_EQ(state.optimizer_steps, best.model_step);
  EXPECT_EQ(ValidationLoss(state), *best.validation_loss);
}

TEST_F(EarlyStoppingTest, WithoutRestoreTheLastStateStays) {
  Trainer trainer = Make({.patience = 5});
  RunToEnd(&trainer);
  EXPECT_EQ(trainer.step(), trainer.result().steps_taken);
  EXPECT_EQ(ValidationLoss(trainer.Share()), *trainer.result().epochs.back().validation_loss);
}

TEST_F(EarlyStoppingTest, InterruptRestoresTheBestState) {
  Trainer trainer = Make({.patience = 50, .restore_best = true});
  for (int i = 0; i < 45 && !trainer.done(); ++i) ASSERT_TRUE(trainer.Step().ok());
  const TrainResult& result = trainer.result();
  const EpochReport& best = result.epochs[static_cast<size_t>(*result.best_epoch - 1)];
  ASSERT_LT(best.model_step, trainer.step()) << "else there is nothing to restore";
  const int64_t before = trainer.step();
  trainer.Interrupt();
  EXPECT_TRUE(trainer.done());
  EXPECT_EQ(trainer.step(), before + 1);
  EXPECT_EQ(ValidationLoss(trainer.Share()), *best.validation_loss);

  Trainer resumed(network_, examples_, &validation_,
                  {.epochs = 400, .early_stopping = EarlyStopping{.restore_best = true}},
                  trainer.Share(), executor_, never_, trainer.progress());
  resumed.Interrupt();
  EXPECT_EQ(resumed.step(), before + 1) << "the best state was in place";
}

// The last step of an epoch was taken, its validation was not; the best state was put back.
TEST_F(EarlyStoppingTest, EpochThatWasInterruptedInItsValidationCostsNoPatience) {
  const TrainOptions options = {
      .epochs = 400, .early_stopping = EarlyStopping{.patience = 1, .restore_best = true}};
  Trainer first(network_, examples_, &validation_, options, InitialState(network_, {}), executor_,
                never_);
  ASSERT_TRUE(first.Step().ok());
  ASSERT_FALSE(first.done());
  TrainProgress progress = first.progress();
  ASSERT_EQ(progress.best_state->step, first.step());
  progress.batch = 1;
  Trainer resumed(network_, examples_, &validation_, options, first.Share(), executor_, never_,
                  progress);
  ASSERT_TRUE(resumed.Step().ok());
  EXPECT_FALSE(resumed.done());
  EXPECT_EQ(resumed.progress().epoch, 2);
  EXPECT_EQ(resumed.progress().epochs_since_best, 0);
  EXPECT_EQ(resumed.step(), first.step());
}

// The limit is looked at after each step: this one ends a call that is past its best.
TEST_F(EarlyStoppingTest, TimeLimitRestoresTheBestState) {
  Trainer first = Make({.patience = 50, .restore_best = true});
  for (int i = 0; i < 45; ++i) ASSERT_TRUE(first.Step().ok());
  TrainProgress progress = first.progress();
  ASSERT_LT(progress.best_state->step, first.step()) << "else there is nothing to restore";
  const double best = *progress.best_loss;
  Trainer last(network_, examples_, &validation_,
               {.epochs = 400,
                .time_limit = absl::ZeroDuration(),
                .early_stopping = EarlyStopping{.patience = 50, .restore_best = true}},
               first.Share(), executor_, never_, std::move(progress));
  ASSERT_TRUE(last.Step().ok());
  EXPECT_TRUE(last.done());
  EXPECT_EQ(last.result().stop_reason, StopReason::kTimeLimit);
  EXPECT_EQ(last.step(), first.step() + 2) << "of the optimizer, and back";
  EXPECT_EQ(ValidationLoss(last.Share()), best);
}

TEST_F(EarlyStoppingTest, ImprovementThatGoesOnRestoresNothing) {
  NetworkSpec spec = Spec();
  spec.optimizer.kind = OptimizerKind::kSgd;
  spec.optimizer.learning_rate = 0.01;
  const Network network(spec);
  Trainer trainer(
      network, examples_, nullptr,
      {.epochs = 20, .early_stopping = EarlyStopping{.patience = 3, .restore_best = true}},
      InitialState(network, {}), executor_, never_);
  RunToEnd(&trainer);
  EXPECT_EQ(trainer.result().stop_reason, StopReason::kCompleted);
  EXPECT_EQ(trainer.result().best_epoch, 20) << "small steps downhill lower the training loss";
  EXPECT_EQ(trainer.step(), 20);
}

// Rows that weigh nothing tell nothing: the training loss is watched instead.
TEST_F(EarlyStoppingTest, ValidationRowsWithoutWeightAreNotBelieved) {
  const NetworkSpec spec = Spec();
  SampleRows weighed = MakeRows(spec, 40, 1);
  weighed.weights.assign(40, 0.0F);
  const RowSplit split = SplitRows(spec.seed, 40, 0.25);
  std::vector<int64_t> training(static_cast<size_t>(split.training->size()));
  split.training->Copy(0, training);
  for (const int64_t row : training) weighed.weights[static_cast<size_t>(row)] = 1;
  const Examples examples = weighed.View(spec);
  Trainer trainer(network_, examples, nullptr,
                  {.epochs = 30,
                   .validation_fraction = 0.25,
                   .early_stopping = EarlyStopping{.patience = 2, .restore_best = true}},
                  InitialState(network_, {}), executor_, never_);
  RunToEnd(&trainer);
  EXPECT_EQ(trainer.result().epochs.size(), 30U);
  for (const EpochReport& report : trainer.result().epochs) {
    EXPECT_FALSE(report.validation_loss.has_value());
  }
}

// A step so large that the next forward pass overflows.
class DivergenceTest : public testing::TestWithParam<OptimizerKind> {
 protected:
  static NetworkSpec Spec() {
    NetworkSpec spec =
        MakeSpec(4, {5, 2}, Activation::kRelu, Activation::kIdentity, Loss::kMeanSquaredError);
    spec.optimizer.kind = GetParam();
    spec.optimizer.momentum = 0.9;
    spec.optimizer.learning_rate = 1e30;
    return spec;
  }
  static TrainOptions Options() { return {.epochs = 100, .batch_size = 8}; }
  const Executor executor_{2};
  const Cancellation never_;
};

// Steps whose state is shared, and those that are not: then the optimizer's state is written
// over, and lost with the step that fails.
TEST_P(DivergenceTest, KeepsTheLastGoodStateBitForBit) {
  const NetworkSpec spec = Spec();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 32, 1);
  const Examples examples = rows.View(spec);
  std::vector<ModelState> good;  // of each step, from a run that shares all
  std::string message;
  for (const int64_t share_each : {1, 2, 3, 1'000}) {
    Trainer trainer(network, examples, nullptr, Options(), InitialState(network, {}), executor_,
                    never_);
    absl::Status status;
    for (int64_t i = 0; status.ok() && !trainer.done(); ++i) {
      if (share_each == 1) good.push_back(trainer.Share());
      if (i % share_each == 0) trainer.Share();
      status = trainer.Step();
      ASSERT_LT(i, 1'000);
    }
    SCOPED_TRACE(share_each);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(GetErrorDetail(status).reason, "DIVERGED");
    if (share_each == 1) message = std::string(status.message());
    EXPECT_EQ(status.message(), message);
    EXPECT_TRUE(trainer.done());
    const ModelState state = trainer.Share();
    const ModelState& last = good.back();
    EXPECT_EQ(state.step, last.step);
    EXPECT_EQ(state.optimizer_steps, last.optimizer_steps);
    EXPECT_THAT(state.parameters->span(), ElementsAreArray(last.parameters->span()));
    EXPECT_THAT(state.optimizer->span(), ElementsAreArray(last.optimizer->span()));
    EXPECT_EQ(trainer.result().steps_taken, last.step);
    EXPECT_EQ(trainer.result().epochs.size(), static_cast<size_t>(last.step / 4));
    for (const float value : state.parameters->span()) EXPECT_TRUE(std::isfinite(value));
  }
}

INSTANTIATE_TEST_SUITE_P(All, DivergenceTest,
                         testing::Values(OptimizerKind::kSgd, OptimizerKind::kAdam,
                                         OptimizerKind::kAdamW, OptimizerKind::kRmsProp,
                                         OptimizerKind::kAdagrad));

// Clipping would make a finite number of an infinite gradient.
TEST(DivergenceGuardTest, ClippingDoesNotHideAGradientThatIsNotFinite) {
  NetworkSpec spec =
      MakeSpec(2, {3, 1}, Activation::kIdentity, Activation::kIdentity, Loss::kHuber);
  spec.optimizer.clip_value = 0.1;
  const Network network(spec);
  SampleRows rows = MakeRows(spec, 4, 1);
  ModelState state = InitialState(network, {});
  auto parameters = std::make_shared<AlignedBuffer>(state.parameters->size());
  for (float& w : parameters->span()) w = 1e-30F;
  for (float& w : network.weights(parameters->span(), 0).row(0)) w = 1e-30F;
  for (float& x : rows.inputs) x = 3e38F;  // δ·x summed over the rows overflows in dW
  for (float& y : rows.targets) y = -1e6F;
  for (float& w : network.weights(parameters->span(), 1).row(0)) w = 1e4F;
  state.parameters = parameters;
  const Examples examples = rows.View(spec);
  const Executor executor(1);
  const Cancellation never;
  Trainer trainer(network, examples, nullptr, {.epochs = 2}, state, executor, never);
  const absl::Status status = trainer.Step();
  EXPECT_EQ(GetErrorDetail(status).reason, "DIVERGED") << status;
  EXPECT_EQ(trainer.step(), 0);
}

TEST(DivergenceGuardTest, DivergedFirstStepLeavesTheNormalizationUnfitted) {
  NetworkSpec spec =
      MakeSpec(2, {3, 1}, Activation::kIdentity, Activation::kIdentity, Loss::kMeanSquaredError);
  spec.optimizer.learning_rate = std::numeric_limits<double>::infinity();
  const Network network(spec);
  const SampleRows rows = MakeRows(spec, 4, 1);
  const Examples examples = rows.View(spec);
  const Executor executor(1);
  const Cancellation never;
  Trainer trainer(network, examples, nullptr, {.fit_normalization = true},
                  InitialState(network, {}), executor, never);
  EXPECT_EQ(GetErrorDetail(trainer.Step()).reason, "DIVERGED");
  EXPECT_TRUE(trainer.Share().normalization->inputs.empty());
}

}  // namespace
}  // namespace chainrule::engine
