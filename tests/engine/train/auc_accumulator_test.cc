#include "engine/train/auc_accumulator.h"

#include <cmath>
#include <vector>

#include "engine/core/random.h"
#include "engine/train/roc_auc.h"
#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

// Rows whose scores tell something, and whose weights differ.
std::vector<ScoredRow> Rows(size_t count) {
  const RandomStream random(1, RandomPurpose::kInitializer, 0);
  std::vector<ScoredRow> rows;
  for (size_t i = 0; i < count; ++i) {
    const float score = random.Uniform(2 * i);
    rows.push_back({score, random.Uniform(2 * i + 1) < score, 1.0 + static_cast<double>(i % 3)});
  }
  return rows;
}

AucAccumulator AccumulatorOf(const std::vector<ScoredRow>& rows) {
  AucAccumulator auc(1);
  for (const ScoredRow& row : rows) auc.Add({&row.score, 1}, {row.positive}, row.weight);
  return auc;
}

TEST(AucAccumulatorTest, IsExactForAMillionRows) {
  const std::vector<ScoredRow> rows = Rows(AucAccumulator::kMaxRows);
  const AucAccumulator auc = AccumulatorOf(rows);
  EXPECT_FALSE(auc.binned());
  EXPECT_EQ(auc.Get(0), RocAuc(rows));
}

TEST(AucAccumulatorTest, BinsBeyondAndSaysSo) {
  const std::vector<ScoredRow> rows = Rows(AucAccumulator::kMaxRows + 50'000);
  const AucAccumulator auc = AccumulatorOf(rows);
  EXPECT_TRUE(auc.binned());
  ASSERT_TRUE(auc.Get(0).has_value());
  // Two rows of one bin count as a tie: at most half a bin's share of the pairs is wrong.
  EXPECT_NEAR(*auc.Get(0), *RocAuc(rows), 1.0 / AucAccumulator::kBins);
}

TEST(AucAccumulatorTest, BinsHaveNoAnswerWhereTheExactOneHasNone) {
  std::vector<ScoredRow> rows = Rows(AucAccumulator::kMaxRows + 1);
  rows[7].score = NAN;
  EXPECT_FALSE(AccumulatorOf(rows).Get(0).has_value());
  for (ScoredRow& row : rows) row = {0.5F, true, 1};
  EXPECT_FALSE(AccumulatorOf(rows).Get(0).has_value());
}

// Columns are taken some at a time, on any number of threads.
TEST(AucAccumulatorTest, ManyColumnsAreEachAsItIsAlone) {
  constexpr size_t kColumns = 37;
  const RandomStream random(3, RandomPurpose::kInitializer, 0);
  AucAccumulator auc(kColumns);
  std::vector<std::vector<ScoredRow>> columns(kColumns);
  for (size_t row = 0; row < 200; ++row) {
    std::vector<float> scores(kColumns);
    std::vector<bool> truth(kColumns);
    for (size_t j = 0; j < kColumns; ++j) {
      scores[j] = random.Uniform(row * kColumns + j);
      truth[j] = j != 5 && (row + j) % 3 == 0;  // of column 5 all are the same
      columns[j].push_back({scores[j], truth[j], 1.5});
    }
    auc.Add(scores, truth, 1.5);
  }
  for (const size_t first : {0, 1}) {
    const auto areas = auc.GetFrom(first, Executor(2), Cancellation());
    ASSERT_TRUE(areas.ok());
    ASSERT_EQ(areas->size(), kColumns - first);
    for (size_t j = first; j < kColumns; ++j) EXPECT_EQ((*areas)[j - first], RocAuc(columns[j]));
  }
  Cancellation cancelled;
  cancelled.Cancel();
  EXPECT_EQ(auc.GetFrom(0, Executor(1), cancelled).status().code(), absl::StatusCode::kCancelled);
}

TEST(AucAccumulatorTest, ColumnsAreApart) {
  AucAccumulator auc(2);
  for (size_t i = 0; i <= AucAccumulator::kMaxRows; ++i) {
    const bool positive = i % 2 == 0;
    const float scores[] = {positive ? 0.9F : 0.1F, positive ? 1.0F : 0.0F};
    auc.Add(scores, {positive, !positive}, 1);
  }
  EXPECT_EQ(auc.Get(0), 1);
  EXPECT_EQ(auc.Get(1), 0);
}

}  // namespace
}  // namespace chainrule::engine
