// Training from a spool: the bits of training from memory, and a disk that fails.
#include <vector>

#include "engine/train/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/held_rows.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAreArray;

struct Case {
  const char* name;
  TrainOptions options;
  int64_t rows;
  bool weighted;
  bool validation;
};

class SpooledTrainingTest : public testing::TestWithParam<Case> {
 protected:
  static NetworkSpec Spec() {
    NetworkSpec spec = MakeSpec(6, {8, 3}, Activation::kTanh, LastFor(Loss::kMeanSquaredError),
                                Loss::kMeanSquaredError);
    spec.optimizer.kind = OptimizerKind::kAdam;
    spec.layers[0].dropout = 0.2F;
    spec.seed = 11;
    return spec;
  }
  const Network network_{Spec()};
  const Executor executor_{2};
  const Cancellation never_;
};

TEST_P(SpooledTrainingTest, HasTheBitsOfTrainingFromMemory) {
  const Case& param = GetParam();
  const SampleRows rows = MakeRows(Spec(), param.rows, 1, param.weighted);
  const SampleRows validation_rows = MakeRows(Spec(), 300, 2);
  const Examples memory[] = {rows.View(Spec()), validation_rows.View(Spec())};
  const Examples spool[] = {Spooled(memory[0], 1'000), Spooled(memory[1], 1'000)};
  std::vector<ModelState> states;
  std::vector<TrainResult> results;
  for (const Examples* examples : {memory, spool}) {
    Trainer trainer(network_, examples[0], param.validation ? &examples[1] : nullptr, param.options,
                    InitialState(network_, {}), executor_, never_);
    while (!trainer.done()) ASSERT_TRUE(trainer.Step().ok());
    states.push_back(trainer.Share());
    results.push_back(trainer.result());
  }
  EXPECT_THAT(states[1].parameters->span(), ElementsAreArray(states[0].parameters->span()));
  EXPECT_EQ(states[1].normalization->inputs.mean, states[0].normalization->inputs.mean);
  EXPECT_EQ(states[1].normalization->targets.scale, states[0].normalization->targets.scale);
  ASSERT_EQ(results[1].epochs.size(), results[0].epochs.size());
  for (size_t i = 0; i < results[0].epochs.size(); ++i) {
    EXPECT_EQ(results[1].epochs[i].loss, results[0].epochs[i].loss);
    EXPECT_EQ(results[1].epochs[i].validation_loss, results[0].epochs[i].validation_loss);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Options, SpooledTrainingTest,
    testing::Values(
        Case{"Shuffled", {.epochs = 3, .batch_size = 32}, 2'000, false, false},
        Case{"InOrder", {.epochs = 2, .batch_size = 7, .keep_order = true}, 500, true, true},
        Case{"Split",
             {.epochs = 2, .batch_size = 64, .fit_normalization = true, .validation_fraction = 0.3},
             3'000,
             true,
             false},
        Case{"LargeBatches",
             {.epochs = 2, .batch_size = 9'000, .fit_normalization = true},
             20'000,
             true,
             false}),
    [](const auto& param) { return param.param.name; });

TEST_F(SpooledTrainingTest, ADiskThatFailsStopsItAtAWholeStep) {
  const SampleRows rows = MakeRows(Spec(), 1'000, 1);
  const Examples memory = rows.View(Spec());
  const Examples broken = Spooled(memory, int64_t{1} << 20, /*broken=*/500);
  const TrainOptions options = {.batch_size = 10, .keep_order = true};
  Trainer trainer(network_, broken, nullptr, options, InitialState(network_, {}), executor_,
                  never_);
  Trainer twin(network_, memory, nullptr, options, InitialState(network_, {}), executor_, never_);
  absl::Status status = trainer.Step();
  while (status.ok()) {
    ASSERT_TRUE(twin.Step().ok());
    status = trainer.Step();
  }
  EXPECT_EQ(status.message(), "the disk is broken");
  EXPECT_FALSE(trainer.done());
  trainer.Interrupt();
  EXPECT_EQ(trainer.step(), 50);
  EXPECT_THAT(trainer.Share().parameters->span(),
              ElementsAreArray(twin.Share().parameters->span()));
}

TEST_F(SpooledTrainingTest, ADiskThatFailsUnderTheNormalisationChangesNothing) {
  const SampleRows rows = MakeRows(Spec(), 1'000, 1);
  const Examples broken = Spooled(rows.View(Spec()), 1'000, /*broken=*/999);
  Trainer trainer(network_, broken, nullptr, {.batch_size = 10, .fit_normalization = true},
                  InitialState(network_, {}), executor_, never_);
  EXPECT_EQ(trainer.Step().message(), "the disk is broken");
  EXPECT_EQ(trainer.step(), 0);
}

}  // namespace
}  // namespace chainrule::engine
