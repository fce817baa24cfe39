// What the trainer measures after each epoch, against an evaluation of the same rows with the
// state of that moment.
#include <string>
#include <utility>

#include "engine/train/add_report.h"
#include "engine/train/batches.h"
#include "engine/train/evaluation.h"
#include "engine/train/trainer.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

struct Case {
  std::string name;
  Loss loss = Loss::kMeanSquaredError;
  int64_t outputs = 1;
  bool multi_label = false;
};

class ValidationTest : public testing::TestWithParam<Case> {
 protected:
  static NetworkSpec Spec() {
    NetworkSpec spec = MakeSpec(4, {6, GetParam().outputs}, Activation::kTanh,
                                LastFor(GetParam().loss), GetParam().loss);
    spec.multi_label = GetParam().multi_label;
    spec.optimizer.learning_rate = 0.05;
    return spec;
  }

  void ExpectMeasured(const EpochReport& report, const ModelState& state, const Examples& examples,
                      const RowOrder& rows) const {
    const Predictor predictor(network_, state.parameters->span(), *state.normalization);
    const absl::StatusOr<Evaluation> measured = EvaluateRows(
        network_, predictor, *state.normalization, examples, rows, 0.5, executor_, never_);
    ASSERT_TRUE(measured.ok());
    EXPECT_EQ(report.validation_loss, measured->loss);
    ASSERT_TRUE(report.validation_metrics.has_value());
    const Metrics& metrics = *report.validation_metrics;
    EXPECT_EQ(metrics.accuracy, measured->metrics.accuracy);
    EXPECT_EQ(metrics.f1, measured->metrics.f1);
    EXPECT_EQ(metrics.roc_auc, measured->metrics.roc_auc);
    EXPECT_EQ(metrics.confusion, measured->metrics.confusion);
    EXPECT_EQ(metrics.mean_absolute_error, measured->metrics.mean_absolute_error);
    EXPECT_EQ(metrics.r_squared, measured->metrics.r_squared);
    EXPECT_EQ(metrics.accuracy.has_value(), !IsRegression(GetParam().loss));
    EXPECT_EQ(metrics.r_squared.has_value(), IsRegression(GetParam().loss));
    EXPECT_EQ(metrics.confusion.empty(), IsRegression(GetParam().loss) || GetParam().multi_label);
  }

  const Executor executor_{2};
  const Cancellation never_;
  const Network network_{Spec()};
  const SampleRows rows_ = MakeRows(Spec(), 60, 1, /*weighted=*/true);
  const SampleRows other_rows_ = MakeRows(Spec(), 30, 2, /*weighted=*/true);
  const Examples examples_ = rows_.View(Spec());
  const Examples others_ = other_rows_.View(Spec());
};

TEST_P(ValidationTest, MeasuresTheRowsThatWereSent) {
  Trainer trainer(network_, examples_, &others_, {.epochs = 3, .fit_normalization = true},
                  InitialState(network_, {}), executor_, never_);
  while (!trainer.done()) {
    ASSERT_TRUE(trainer.Step().ok());  // an epoch
    ExpectMeasured(trainer.result().epochs.back(), trainer.Share(), others_, AllRows(30));
  }
  EXPECT_EQ(trainer.result().epochs.size(), 3U);
}

TEST_P(ValidationTest, MeasuresTheRowsThatWereSplitOff) {
  Trainer trainer(network_, examples_, nullptr, {.epochs = 3, .validation_fraction = 0.3},
                  InitialState(network_, {}), executor_, never_);
  const RowSplit split = SplitRows(network_.spec().seed, 60, 0.3);
  ASSERT_EQ(split.validation->size(), 18);
  while (!trainer.done()) {
    ASSERT_TRUE(trainer.Step().ok());
    ExpectMeasured(trainer.result().epochs.back(), trainer.Share(), examples_, *split.validation);
  }
}

// Whatever stands in a row that weighs nothing, training and its measures are the same.
TEST_P(ValidationTest, RowsOfNoWeightTellNothing) {
  const auto train = [&](float value) {
    SampleRows rows = rows_;
    SampleRows others = other_rows_;
    for (SampleRows* sample : {&rows, &others}) {
      for (size_t i = 0; i < sample->weights.size(); i += 3) {
        sample->weights[i] = 0;
        for (size_t j = 0; j < 4; ++j) sample->inputs[i * 4 + j] = value;
      }
    }
    const Examples examples = rows.View(Spec());
    const Examples validation = others.View(Spec());
    Trainer trainer(network_, examples, &validation, {.epochs = 3, .batch_size = 7},
                    InitialState(network_, {}), executor_, never_);
    while (!trainer.done()) EXPECT_TRUE(trainer.Step().ok()) << value;
    std::vector<double> seen = {*trainer.result().epochs.back().validation_loss,
                                trainer.result().loss};
    const ModelState state = trainer.Share();
    for (const float parameter : state.parameters->span()) {
      seen.push_back(static_cast<double>(parameter));
    }
    return seen;
  };
  EXPECT_EQ(train(-3.4e38F), train(0));
}

INSTANTIATE_TEST_SUITE_P(All, ValidationTest,
                         testing::Values(Case{"Regression", Loss::kMeanSquaredError, 2},
                                         Case{"Huber", Loss::kHuber, 1},
                                         Case{"Binary", Loss::kBinaryCrossEntropy, 1},
                                         Case{"Classes", Loss::kCategoricalCrossEntropy, 3},
                                         Case{"MultiLabel", Loss::kBinaryCrossEntropy, 3, true}),
                         [](const auto& test) { return test.param.name; });

TEST(AddReportTest, MatricesAreTheNewestReports) {
  constexpr size_t kSize = size_t{1024} * 1024 / 8;  // 1 MiB: four of them
  TrainResult result;
  for (int i = 0; i < 6; ++i) {
    EpochReport report;
    report.validation_metrics.emplace().confusion.resize(kSize);
    AddReport(std::move(report), &result);
  }
  ASSERT_EQ(result.epochs.size(), 6U);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(result.epochs[i].validation_metrics->confusion.size(), i < 2 ? 0 : kSize) << i;
  }
}

TEST(AddReportTest, OfVeryManyTheNewestStay) {
  TrainResult result;
  for (int64_t epoch = 1; epoch <= 35'000; ++epoch) {
    EpochReport report;
    report.epoch = epoch;
    AddReport(std::move(report), &result);
    ASSERT_EQ(result.epochs.back().epoch, epoch);
    ASSERT_LE(result.epochs.size(), 20'000U);
  }
  ASSERT_GE(result.epochs.size(), 10'000U);
  for (size_t i = 1; i < result.epochs.size(); ++i) {
    ASSERT_EQ(result.epochs[i].epoch, result.epochs[i - 1].epoch + 1);
  }
}

TEST(AddReportTest, TheLastHasOneHoweverLarge) {
  TrainResult result;
  for (int i = 0; i < 2; ++i) {
    EpochReport report;
    report.validation_metrics.emplace().confusion.resize(size_t{1024} * 1024);
    AddReport(std::move(report), &result);
  }
  EXPECT_TRUE(result.epochs[0].validation_metrics->confusion.empty());
  EXPECT_EQ(result.epochs[1].validation_metrics->confusion.size(), size_t{1024} * 1024);
}

}  // namespace
}  // namespace chainrule::engine
