#include "client/data/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

// Rows whose only input is their number, with these classes.
class NumberedRows final : public RowSource {
 public:
  explicit NumberedRows(std::vector<int32_t> classes) : classes_(std::move(classes)) {}
  int64_t width() const override { return 1; }
  int64_t bytes_per_row() const override { return 8; }

  absl::Status Next(int64_t max_rows, Rows* rows) override {
    rows->Clear();
    rows->width = 1;
    for (; rows->count < max_rows && next_ < classes_.size(); ++rows->count) {
      rows->values.push_back(static_cast<float>(next_));
      rows->classes.push_back(classes_[next_++]);
    }
    return absl::OkStatus();
  }

 private:
  std::vector<int32_t> classes_;
  size_t next_ = 0;
};

// Ninety rows of class 0, then ten of class 1.
std::vector<int32_t> Unequal() {
  std::vector<int32_t> classes(90, 0);
  classes.insert(classes.end(), 10, 1);
  return classes;
}

Rows ReadAll(RowSource* source) {
  Rows all;
  Rows block;
  do {
    EXPECT_TRUE(source->Next(7, &block).ok());
    EXPECT_LE(block.count, 7);
    for (int64_t i = 0; i < block.count; ++i) all.Append(block, i);
  } while (block.count > 0);
  return all;
}

Rows ReadFold(Fold fold) {
  return ReadAll(SelectFold(std::make_unique<NumberedRows>(Unequal()), fold).get());
}

TEST(SelectFoldTest, EveryRowIsHeldOutOnce) {
  std::multiset<float> seen;
  for (int64_t fold = 0; fold < 5; ++fold) {
    const Rows rows = ReadFold({.folds = 5, .fold = fold, .held_out = true});
    seen.insert(rows.values.begin(), rows.values.end());
  }
  EXPECT_EQ(seen.size(), 100);
  EXPECT_EQ(std::set<float>(seen.begin(), seen.end()).size(), 100);
}

TEST(SelectFoldTest, TheOtherRowsAreTheRest) {
  const Rows held_out = ReadFold({.folds = 5, .fold = 2, .held_out = true});
  const Rows rest = ReadFold({.folds = 5, .fold = 2, .held_out = false});
  std::set<float> all(held_out.values.begin(), held_out.values.end());
  all.insert(rest.values.begin(), rest.values.end());
  EXPECT_EQ(held_out.count + rest.count, 100);
  EXPECT_EQ(all.size(), 100);
}

TEST(SelectFoldTest, EachPartHasItsShareOfEveryClass) {
  for (int64_t fold = 0; fold < 5; ++fold) {
    const Rows rows = ReadFold({.folds = 5, .fold = fold, .held_out = true});
    EXPECT_EQ(std::count(rows.classes.begin(), rows.classes.end(), 0), 18);
    EXPECT_EQ(std::count(rows.classes.begin(), rows.classes.end(), 1), 2);
  }
}

TEST(SelectFoldTest, RowsKeepTheNumbersThatTheyHaveInTheFile) {
  const Rows rows = ReadFold({.folds = 5, .fold = 2, .held_out = true});
  ASSERT_EQ(rows.numbers.size(), rows.values.size());
  for (size_t i = 0; i < rows.values.size(); ++i) {
    EXPECT_EQ(rows.numbers[i], static_cast<int64_t>(rows.values[i]) + 1);
  }
}

TEST(TakeFirstTest, StopsThere) {
  const auto source = TakeFirst(std::make_unique<NumberedRows>(Unequal()), 3);
  EXPECT_THAT(ReadAll(source.get()).values, ElementsAre(0, 1, 2));
}

TEST(RequireRowsTest, GivesTheRowsAndRefusesNone) {
  const auto some = RequireRows(std::make_unique<NumberedRows>(std::vector<int32_t>{0, 1}), "none");
  EXPECT_THAT(ReadAll(some.get()).values, ElementsAre(0, 1));
  const auto none = RequireRows(std::make_unique<NumberedRows>(std::vector<int32_t>()), "none");
  Rows rows;
  EXPECT_EQ(none->Next(7, &rows), absl::InvalidArgumentError("none"));
}

TEST(BalancedWeightsTest, LetEachClassCountTheSame) {
  NumberedRows counted(Unequal());
  const absl::StatusOr<std::vector<float>> weights = BalancedWeights(&counted, 2);
  ASSERT_TRUE(weights.ok());
  const auto weighed = WeighClasses(std::make_unique<NumberedRows>(Unequal()), *weights);
  const Rows rows = ReadAll(weighed.get());
  std::map<int32_t, float> sums;
  for (size_t i = 0; i < rows.weights.size(); ++i) sums[rows.classes[i]] += rows.weights[i];
  EXPECT_NEAR(sums[0], 50, 1e-3);
  EXPECT_NEAR(sums[1], 50, 1e-3);
}

TEST(BalancedWeightsTest, AClassThatDoesNotOccurCountsNothing) {
  NumberedRows counted({0, 2, 2, 2});
  EXPECT_THAT(*BalancedWeights(&counted, 3),
              ElementsAre(FloatEq(2), FloatEq(0), FloatEq(2.0f / 3)));
}

}  // namespace
}  // namespace chainrule::client
