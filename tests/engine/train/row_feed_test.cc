#include "engine/train/row_feed.h"

#include <algorithm>
#include <vector>

#include "engine/train/batches.h"
#include "engine/train/read_ahead.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/support/held_rows.h"
#include "tests/engine/support/samples.h"

namespace chainrule::engine {
namespace {

constexpr int64_t kRows = 5'000;
// A row that fills a piece alone.
constexpr int64_t kLarge = int64_t{1} << 20;

std::vector<int64_t> ListOf(const RowOrder& order) {
  std::vector<int64_t> rows(static_cast<size_t>(order.size()));
  order.Copy(0, rows);
  return rows;
}

class RowFeedTest : public testing::TestWithParam<int64_t> {
 protected:
  static NetworkSpec Spec() {
    return MakeSpec(3, {2}, Activation::kTanh, LastFor(Loss::kMeanSquaredError),
                    Loss::kMeanSquaredError);
  }
  const SampleRows rows_ = MakeRows(Spec(), kRows, 1, /*weighted=*/true);
  const Examples in_memory_ = rows_.View(Spec());

  // Takes `count` rows, and compares them with `expected`.
  void ExpectNext(RowFeed* feed, std::span<const int64_t> expected) {
    size_t done = 0;
    std::vector<float> inputs(3);
    while (done < expected.size()) {
      const auto piece = feed->Next(static_cast<int64_t>(expected.size() - done));
      ASSERT_TRUE(piece.ok()) << piece.status();
      ASSERT_GT(piece->rows.size(), 0U);
      for (const int64_t row : piece->rows) {
        const auto wanted = static_cast<size_t>(expected[done++]);
        piece->examples->CopyInputs(row, inputs);
        ASSERT_THAT(inputs, testing::ElementsAreArray(rows_.inputs.data() + 3 * wanted, 3));
        ASSERT_EQ(piece->examples->Weight(row), rows_.weights[wanted]);
      }
    }
  }
};

TEST_P(RowFeedTest, RowsComeInTheirOrderInPortionsOfAnySize) {
  const Examples spooled = Spooled(in_memory_, GetParam());
  const auto shuffled = ShuffledRows(7, 3, AllRows(kRows));
  const std::vector<int64_t> order = ListOf(*shuffled);
  RowFeed feed(spooled);
  feed.Begin(*shuffled);
  size_t done = 0;
  for (size_t portion = 1; done < order.size(); portion = portion % 700 + 31) {
    const size_t count = std::min(portion, order.size() - done);
    ExpectNext(&feed, std::span<const int64_t>(order).subspan(done, count));
    done += count;
  }
}

TEST_P(RowFeedTest, BeginsAnewAfterAnyPartOfAnOrder) {
  const Examples spooled = Spooled(in_memory_, GetParam());
  const std::vector<int64_t> twice = {4, 4, 0, 3};
  const ListedRows list{std::span<const int64_t>(twice)};
  RowFeed feed(spooled);
  for (const size_t taken : {0U, 1U, 9U, 4'096U, 5'000U}) {
    const auto shuffled = ShuffledRows(7, static_cast<int64_t>(taken), AllRows(kRows));
    feed.Begin(*shuffled);
    ExpectNext(&feed, std::span<const int64_t>(ListOf(*shuffled)).first(taken));
    feed.End();
  }
  feed.Begin(list, 1);
  ExpectNext(&feed, std::span<const int64_t>(twice).subspan(1));
}

TEST_P(RowFeedTest, WeighsWhatComesNextAsMemoryDoes) {
  const Examples spooled = Spooled(in_memory_, GetParam());
  const auto shuffled = ShuffledRows(7, 3, AllRows(kRows));
  const std::vector<int64_t> order = ListOf(*shuffled);
  RowFeed feed(spooled);
  RowFeed reference(in_memory_);
  feed.Begin(*shuffled);
  reference.Begin(*shuffled);
  for (size_t done = 0; done < order.size(); done += 500) {
    for (const int64_t count : {1, 40, 500}) {
      EXPECT_EQ(*feed.WeightSum(count), *reference.WeightSum(count));
    }
    ExpectNext(&feed, std::span<const int64_t>(order).subspan(done, 500));
    ExpectNext(&reference, std::span<const int64_t>(order).subspan(done, 500));
  }
}

TEST_P(RowFeedTest, ADiskThatFailsIsToldWhereItsRowsWouldCome) {
  constexpr int64_t kBroken = 2'500;
  const Examples spooled = Spooled(in_memory_, GetParam(), kBroken);
  const AllRows order(kRows);
  RowFeed feed(spooled);
  feed.Begin(order);
  absl::Status status;
  int64_t rows = 0;
  while (status.ok()) {
    const auto piece = feed.Next(kRows - rows);
    status = piece.status();
    if (piece.ok()) rows += static_cast<int64_t>(piece->rows.size());
  }
  EXPECT_EQ(status.message(), "the disk is broken");
  EXPECT_LE(rows, kBroken);
  EXPECT_EQ(feed.Next(1).status(), status);
  EXPECT_EQ(feed.WeightSum(kRows - rows).status(), status);
}

// Of an order that is a rule, from memory and from a spool.
TEST_P(RowFeedTest, ARuleIsFollowedAsAListIs) {
  const AllRows all(kRows);
  const auto rule = ShuffledRows(7, 3, all, /*max_listed=*/0);
  const std::vector<int64_t> order = ListOf(*rule);
  const Examples spooled = Spooled(in_memory_, GetParam());
  for (const Examples* examples : {&in_memory_, &spooled}) {
    RowFeed feed(*examples);
    feed.Begin(*rule, 1);
    double sum = 0;
    for (size_t i = 1; i < order.size(); ++i) {
      sum += static_cast<double>(rows_.weights[static_cast<size_t>(order[i])]);
    }
    EXPECT_EQ(*feed.WeightSum(kRows - 1), sum);
    ExpectNext(&feed, std::span<const int64_t>(order).subspan(1));
  }
}

INSTANTIATE_TEST_SUITE_P(RowBytes, RowFeedTest,
                         testing::Values(1, 1'000, kLarge, 3 * ReadAhead::kBytes));

}  // namespace
}  // namespace chainrule::engine
