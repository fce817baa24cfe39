#include "client/lib/examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "client/data/selection.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;

v1::Limits MakeLimits(int64_t message_bytes, int64_t rows) {
  v1::Limits limits;
  limits.set_max_message_bytes(message_bytes);
  limits.set_max_rows(rows);
  return limits;
}

TEST(ToExamplesTest, NumbersTravelAsValues) {
  Rows rows;
  rows.count = 2;
  rows.width = 1;
  rows.values = {1, 2};
  rows.target_width = 1;
  rows.targets = {3, 4};
  rows.weights = {5, 6};
  const v1::Examples examples = ToExamples(rows);
  EXPECT_THAT(examples.inputs().shape(), ElementsAre(2, 1));
  EXPECT_THAT(examples.inputs().values(), ElementsAre(1, 2));
  EXPECT_THAT(examples.targets().shape(), ElementsAre(2, 1));
  EXPECT_THAT(examples.targets().values(), ElementsAre(3, 4));
  EXPECT_THAT(examples.sample_weights().shape(), ElementsAre(2));
  EXPECT_THAT(examples.sample_weights().values(), ElementsAre(5, 6));
}

TEST(ToExamplesTest, PixelsTravelAsBytes) {
  Rows rows;
  rows.count = 1;
  rows.width = 3;
  rows.pixels = {0, 128, 255};
  rows.classes = {2};
  const v1::Examples examples = ToExamples(rows);
  EXPECT_EQ(examples.inputs().dtype(), v1::DATA_TYPE_UINT8);
  EXPECT_EQ(examples.inputs().raw(), std::string("\x00\x80\xFF", 3));
  EXPECT_THAT(examples.class_labels().ids(), ElementsAre(2));
}

TEST(RowsPerMessageTest, StaysWithinWhatTheServerTakes) {
  EXPECT_EQ(RowsPerMessage(MakeLimits(64 << 20, 1'000'000), 1024, 1 << 20), 1024);
  EXPECT_LT(RowsPerMessage(MakeLimits(64 << 10, 1'000'000), 1024, 1 << 20), 64);
  EXPECT_EQ(RowsPerMessage(MakeLimits(64 << 20, 10), 1024, 1 << 20), 10);
  EXPECT_EQ(RowsPerMessage(MakeLimits(100, 10), 1024, 1 << 20), 1);
  EXPECT_EQ(RowsPerMessage(MakeLimits(1024, 1'000'000), 16, 1 << 20), 16);
}

// A source of `count` rows of one zero.
class Zeros final : public RowSource {
 public:
  explicit Zeros(int64_t count) : left_(count) {}
  int64_t width() const override { return 1; }
  int64_t bytes_per_row() const override { return 4; }
  absl::Status Next(int64_t max_rows, Rows* rows) override {
    rows->Clear();
    rows->width = 1;
    rows->count = std::min(max_rows, left_);
    rows->values.assign(static_cast<size_t>(rows->count), 0.0f);
    left_ -= rows->count;
    return absl::OkStatus();
  }

 private:
  int64_t left_;
};

TEST(ReadExamplesTest, TakesAllRowsOrNone) {
  const v1::Limits limits = MakeLimits(64 << 20, 5'000);
  Zeros fits(5'000);
  EXPECT_EQ(ReadExamples(limits, &fits)->inputs().values_size(), 5'000);
  Zeros beyond(5'001);
  EXPECT_THAT(std::string(ReadExamples(limits, &beyond).status().message()),
              ::testing::HasSubstr("more than the 5000 rows that the server takes in one call: its "
                                   "max_rows is 5000"));
  Zeros none(0);
  EXPECT_EQ(ReadExamples(limits, &none).status().message(), "no rows");
}

TEST(ReadExamplesTest, NamesTheMessageSizeWhereThatBinds) {
  Zeros rows(1'000);
  EXPECT_THAT(std::string(ReadExamples(MakeLimits(1'024, 5'000), &rows).status().message()),
              ::testing::HasSubstr("one call: its max_message_bytes is 1024"));
}

}  // namespace
}  // namespace chainrule::client
