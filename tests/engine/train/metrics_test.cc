// Small examples worked out by hand.
#include "engine/train/metrics.h"

#include <cmath>

#include "engine/train/roc_auc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

using testing::ElementsAre;

Metrics MetricsOf(const NetworkSpec& spec, double threshold, std::vector<float> outputs,
                  std::vector<float> targets, std::vector<float> weights) {
  const int64_t width = spec.output_width();
  const auto rows = static_cast<int64_t>(weights.size());
  MetricsAccumulator metrics(spec, threshold);
  // In two parts, as blocks come.
  for (int64_t first = 0; first < rows; first += (rows + 1) / 2) {
    const int64_t count = std::min((rows + 1) / 2, rows - first);
    metrics.Add({outputs.data() + first * width, count, width},
                {targets.data() + first * width, count, width},
                std::span<const float>(weights).subspan(static_cast<size_t>(first),
                                                        static_cast<size_t>(count)));
  }
  return *metrics.Compute(Executor(2), Cancellation());
}

NetworkSpec Spec(int64_t outputs, Loss loss) {
  return MakeSpec(2, {outputs}, Activation::kTanh, LastFor(loss), loss);
}

TEST(MetricsTest, OneSigmoidUnit) {
  // Answers at 0.5:    yes   yes   no    no    yes
  // Truth:             yes   no    yes   no    yes
  const Metrics metrics =
      MetricsOf(Spec(1, Loss::kBinaryCrossEntropy), 0.5, {0.9F, 0.6F, 0.4F, 0.1F, 0.5F},
                {1, 0, 1, 0, 1}, {1, 1, 1, 1, 1});
  EXPECT_DOUBLE_EQ(*metrics.accuracy, 3.0 / 5);
  EXPECT_DOUBLE_EQ(*metrics.precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(*metrics.recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(*metrics.f1, 2.0 / 3);
  // Pairs (positive, negative): 0.9 beats both, 0.4 and 0.5 beat 0.1 alone: 4 of 6.
  EXPECT_DOUBLE_EQ(*metrics.roc_auc, 4.0 / 6);
  EXPECT_EQ(metrics.classes, 2);
  EXPECT_THAT(metrics.confusion, ElementsAre(1, 1, 1, 2));
  EXPECT_FALSE(metrics.mean_absolute_error.has_value());
}

TEST(MetricsTest, ThresholdMovesTheAnswersAndNotTheCurve) {
  const Metrics metrics = MetricsOf(Spec(1, Loss::kBinaryCrossEntropy), 0.7,
                                    {0.9F, 0.6F, 0.4F, 0.1F}, {1, 0, 1, 0}, {1, 1, 1, 1});
  EXPECT_THAT(metrics.confusion, ElementsAre(2, 0, 1, 1));
  EXPECT_DOUBLE_EQ(*metrics.precision, 1.0);
  EXPECT_DOUBLE_EQ(*metrics.recall, 0.5);
  EXPECT_DOUBLE_EQ(*metrics.roc_auc, 3.0 / 4);
}

TEST(MetricsTest, WeightsWeighEveryFigure) {
  const NetworkSpec spec = Spec(1, Loss::kBinaryCrossEntropy);
  const Metrics weighted =
      MetricsOf(spec, 0.5, {0.9F, 0.6F, 0.4F, 0.1F}, {1, 0, 1, 0}, {1, 2, 3, 4});
  const Metrics repeated =
      MetricsOf(spec, 0.5, {0.9F, 0.6F, 0.6F, 0.4F, 0.4F, 0.4F, 0.1F, 0.1F, 0.1F, 0.1F},
                {1, 0, 0, 1, 1, 1, 0, 0, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_DOUBLE_EQ(*weighted.accuracy, *repeated.accuracy);
  EXPECT_DOUBLE_EQ(*weighted.precision, *repeated.precision);
  EXPECT_DOUBLE_EQ(*weighted.recall, *repeated.recall);
  EXPECT_DOUBLE_EQ(*weighted.f1, *repeated.f1);
  EXPECT_DOUBLE_EQ(*weighted.roc_auc, *repeated.roc_auc);
  EXPECT_EQ(weighted.confusion, repeated.confusion);
}

// As many as words of a language: what is measured takes memory by the class, not its square.
TEST(MetricsTest, ManyClassesHaveNoMatrix) {
  constexpr int64_t kClasses = 50'000;
  std::vector<float> outputs(kClasses * 3);
  std::vector<float> targets(kClasses * 3);
  // Answers:  7  7  8
  // Truth:    7  8  8
  for (const size_t place : {size_t{7}, size_t{7} + kClasses, size_t{8} + 2 * kClasses}) {
    outputs[place] = 1;
  }
  for (const size_t place : {size_t{7}, size_t{8} + kClasses, size_t{8} + 2 * kClasses}) {
    targets[place] = 1;
  }
  const Metrics metrics =
      MetricsOf(Spec(kClasses, Loss::kCategoricalCrossEntropy), 0.5, outputs, targets, {1, 1, 1});
  EXPECT_TRUE(metrics.confusion.empty());
  EXPECT_DOUBLE_EQ(*metrics.accuracy, 2.0 / 3);
  EXPECT_DOUBLE_EQ(*metrics.precision, (1.0 / 2 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(*metrics.recall, (1.0 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(*metrics.f1, 2.0 / 3);
}

TEST(MetricsTest, RowsOfNoWeightTellNothing) {
  const NetworkSpec spec = Spec(1, Loss::kBinaryCrossEntropy);
  const Metrics without = MetricsOf(spec, 0.5, {0.9F, 0.6F}, {1, 0}, {1, 2});
  const Metrics with = MetricsOf(spec, 0.5, {0.9F, std::nanf(""), 0.6F}, {1, 1, 0}, {1, 0, 2});
  EXPECT_EQ(with.accuracy, without.accuracy);
  EXPECT_EQ(with.roc_auc, without.roc_auc);
  EXPECT_TRUE(with.roc_auc.has_value());
  EXPECT_EQ(with.confusion, without.confusion);
}

TEST(MetricsTest, WhatIsUndefinedIsUnset) {
  const Metrics metrics =
      MetricsOf(Spec(1, Loss::kBinaryCrossEntropy), 0.5, {0.1F, 0.2F}, {0, 0}, {1, 1});
  EXPECT_DOUBLE_EQ(*metrics.accuracy, 1.0);
  EXPECT_FALSE(metrics.precision.has_value());
  EXPECT_FALSE(metrics.recall.has_value());
  EXPECT_FALSE(metrics.f1.has_value());
  EXPECT_FALSE(metrics.roc_auc.has_value());
}

TEST(MetricsTest, ThreeClassesAreMeansOverThoseThatAreDefined) {
  // Truth 0 0 1 1; answers 0 1 1 1; class 2 is neither: its figures are undefined.
  const Metrics metrics =
      MetricsOf(Spec(3, Loss::kCategoricalCrossEntropy), 0.5,
                {0.7F, 0.2F, 0.1F, 0.3F, 0.4F, 0.3F, 0.1F, 0.8F, 0.1F, 0.2F, 0.6F, 0.2F},
                {1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0}, {1, 1, 1, 1});
  EXPECT_DOUBLE_EQ(*metrics.accuracy, 3.0 / 4);
  EXPECT_THAT(metrics.confusion, ElementsAre(1, 1, 0, 0, 2, 0, 0, 0, 0));
  EXPECT_DOUBLE_EQ(*metrics.precision, (1.0 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(*metrics.recall, (0.5 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(*metrics.f1, (2.0 / 3 + 4.0 / 5) / 2);
  // Class 0's scores: 0.7, 0.3 against 0.1, 0.2; class 1's: 0.8, 0.6 against 0.2, 0.4.
  EXPECT_DOUBLE_EQ(*metrics.roc_auc, 1.0);
}

TEST(MetricsTest, TwoUnitsOfOneHotClassesAreOfClassOne) {
  const Metrics metrics =
      MetricsOf(Spec(2, Loss::kCategoricalCrossEntropy), 0.5, {0.2F, 0.8F, 0.3F, 0.7F, 0.6F, 0.4F},
                {0, 1, 1, 0, 1, 0}, {1, 1, 1});
  EXPECT_DOUBLE_EQ(*metrics.precision, 0.5);
  EXPECT_DOUBLE_EQ(*metrics.recall, 1.0);
}

TEST(MetricsTest, MultiLabelCountsLabels) {
  NetworkSpec spec = Spec(2, Loss::kBinaryCrossEntropy);
  spec.multi_label = true;
  const Metrics metrics =
      MetricsOf(spec, 0.5, {0.9F, 0.9F, 0.1F, 0.8F, 0.7F, 0.2F}, {1, 1, 0, 0, 1, 1}, {1, 1, 1});
  EXPECT_DOUBLE_EQ(*metrics.accuracy, 4.0 / 6);
  EXPECT_DOUBLE_EQ(*metrics.precision, (1.0 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(*metrics.recall, (1.0 + 1.0 / 2) / 2);
  EXPECT_DOUBLE_EQ(*metrics.roc_auc, (1.0 + 1.0 / 2) / 2);
  EXPECT_TRUE(metrics.confusion.empty());
}

TEST(MetricsTest, Regression) {
  // Errors 1, −1, 2 around targets of mean 2.
  const Metrics metrics =
      MetricsOf(Spec(1, Loss::kMeanSquaredError), 0.5, {2, 1, 5}, {1, 2, 3}, {1, 1, 1});
  EXPECT_DOUBLE_EQ(*metrics.mean_absolute_error, 4.0 / 3);
  EXPECT_DOUBLE_EQ(*metrics.root_mean_squared_error, std::sqrt(6.0 / 3));
  EXPECT_DOUBLE_EQ(*metrics.r_squared, 1 - 6.0 / 2);
  EXPECT_FALSE(metrics.accuracy.has_value());
}

TEST(MetricsTest, RSquaredOfAConstantTargetIsUnset) {
  const Metrics metrics = MetricsOf(Spec(1, Loss::kHuber), 0.5, {2, 1, 5}, {4, 4, 4}, {1, 1, 1});
  EXPECT_FALSE(metrics.r_squared.has_value());
  EXPECT_TRUE(metrics.root_mean_squared_error.has_value());
}

double AucByPairs(const std::vector<ScoredRow>& rows) {
  double won = 0;
  double all = 0;
  for (const ScoredRow& positive : rows) {
    for (const ScoredRow& negative : rows) {
      if (!positive.positive || negative.positive) continue;
      const double weight = positive.weight * negative.weight;
      all += weight;
      if (positive.score > negative.score) won += weight;
      if (positive.score == negative.score) won += 0.5 * weight;
    }
  }
  return won / all;
}

TEST(RocAucTest, IsTheShareOfPairsTiesHalf) {
  for (int64_t seed = 0; seed < 20; ++seed) {
    const std::vector<float> draws = RandomFloats(300, seed);
    std::vector<ScoredRow> rows;
    for (size_t i = 0; i < 100; ++i) {
      rows.push_back({std::round(draws[i] * 5), draws[100 + i] > 0, 1.0 + double{draws[200 + i]}});
    }
    EXPECT_NEAR(*RocAuc(rows), AucByPairs(rows), 1e-12);
  }
}

TEST(RocAucTest, IsNothingForOneClassOrAScoreThatIsNotANumber) {
  EXPECT_FALSE(RocAuc({}).has_value());
  EXPECT_FALSE(RocAuc({{0.1F, true, 1}, {0.2F, true, 1}}).has_value());
  EXPECT_FALSE(RocAuc({{0.1F, true, 1}, {0.2F, false, 0}}).has_value());
  EXPECT_FALSE(RocAuc({{NAN, true, 1}, {0.2F, false, 1}}).has_value());
}

}  // namespace
}  // namespace chainrule::engine
