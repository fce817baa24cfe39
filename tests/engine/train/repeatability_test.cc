// The same spec, seed and rows give the same bits, whatever runs them.
#include "engine/core/random.h"
#include "engine/train/trainer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

// A random network, random rows and random options, all from one number.
struct Case {
  explicit Case(int64_t number) : stream(number, RandomPurpose::kGradientCheck, 1) {
    const Loss loss = AllLosses()[Draw(4)];
    std::vector<int64_t> units;
    for (size_t l = 0; l <= Draw(3); ++l) units.push_back(static_cast<int64_t>(1 + Draw(300)));
    units.push_back(static_cast<int64_t>(2 + Draw(9)));
    spec = MakeSpec(static_cast<int64_t>(1 + Draw(400)), units, HiddenActivations()[Draw(7)],
                    LastFor(loss), loss);
    spec.seed = number;
    for (size_t l = 0; l + 1 < spec.layers.size(); ++l) {
      spec.layers[l].dropout = Draw(2) == 0 ? 0.0F : 0.3F;
      spec.layers[l].l2 = Draw(2) == 0 ? 0.0F : 0.01F;
    }
    spec.optimizer.kind = static_cast<OptimizerKind>(Draw(5));
    spec.optimizer.learning_rate = 0.001;
    spec.optimizer.weight_decay = Draw(2) == 0 ? 0.0 : 0.01;
    if (Draw(2) == 0) spec.optimizer.clip_norm = 1.0;
    rows = MakeRows(spec, static_cast<int64_t>(1 + Draw(1'000)), number, Draw(2) == 0);
    options = {.epochs = 2, .batch_size = static_cast<int64_t>(1 + Draw(400))};
    options.fit_normalization = Draw(2) == 0;
    if (rows.rows > 2 && Draw(2) == 0) options.validation_fraction = 0.2;
  }

  size_t Draw(uint64_t bound) { return stream.Below(next++, bound); }

  const RandomStream stream;
  uint64_t next = 0;
  NetworkSpec spec;
  SampleRows rows;
  TrainOptions options;
};

ModelState Train(const Case& test, int threads) {
  const Executor executor(threads);
  const Cancellation never;
  const Network network(test.spec);
  const Examples examples = test.rows.View(test.spec);
  Trainer trainer(network, examples, nullptr, test.options, InitialState(network, {}), executor,
                  never);
  while (!trainer.done()) EXPECT_TRUE(trainer.Step().ok());
  return trainer.Share();
}

class RepeatabilityTest : public testing::TestWithParam<int64_t> {};

TEST_P(RepeatabilityTest, SameBitsAtEveryNumberOfThreads) {
  const Case test(GetParam());
  const ModelState one = Train(test, 1);
  for (const int threads : {2, 3, 8}) {
    const ModelState many = Train(test, threads);
    ASSERT_TRUE(std::equal(one.parameters->span().begin(), one.parameters->span().end(),
                           many.parameters->span().begin()));
    ASSERT_TRUE(std::equal(one.optimizer->span().begin(), one.optimizer->span().end(),
                           many.optimizer->span().begin()));
  }
}

INSTANTIATE_TEST_SUITE_P(RandomSpecs, RepeatabilityTest, testing::Range<int64_t>(0, 24));

}  // namespace
}  // namespace chainrule::engine
