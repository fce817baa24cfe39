#include "server/convert/fit.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

constexpr char kOneRow[] = "inputs { shape: [1, 2] values: [1, 2] } class_labels { ids: 1 }";
constexpr char kTwoRows[] =
    "inputs { shape: [2, 2] values: [3, 4, 5, 6] } class_labels { ids: [0, 1] }";

// Counts chunks and rows, and forgets them.
class TestSpool : public engine::RowSpool {
 public:
  explicit TestSpool(absl::Status status) : status_(std::move(status)) {}
  absl::Status Append(const engine::ExampleChunk& chunk) override {
    rows_ += chunk.rows;
    return status_;
  }
  absl::StatusOr<std::shared_ptr<const engine::SpooledRows>> Finish() override {
    return std::make_shared<Forgotten>(rows_);
  }

 private:
  class Forgotten : public engine::SpooledRows {
   public:
    explicit Forgotten(int64_t rows) : rows_(rows) {}
    int64_t rows() const override { return rows_; }
    bool weighted() const override { return false; }
    int64_t bytes() const override { return 0; }
    int64_t largest_row_bytes() const override { return 1; }
    std::unique_ptr<engine::RowStage> NewStage() const override { return nullptr; }
    absl::Status AddWeights(std::span<const int64_t>, double*) const override {
      return absl::OkStatus();
    }

   private:
    const int64_t rows_;
  };

  const absl::Status status_;
  int64_t rows_ = 0;
};

constexpr int64_t kMuchMemory = 1'000'000;

FitRows Rows(const std::string& header = "", const Limits& limits = {},
             int64_t memory = kMuchMemory, const absl::Status& spool_status = absl::OkStatus()) {
  return {FromText<v1::FitHeader>(header), ContextOf(kBinary, limits), memory,
          [spool_status](const engine::NetworkSpec&) {
            return absl::StatusOr<std::unique_ptr<engine::RowSpool>>(
                std::make_unique<TestSpool>(spool_status));
          }};
}

absl::Status AddText(const std::string& text, FitRows* rows) {
  return rows->Add(SharedFromText<v1::FitRequest>(text));
}

std::string Training(const std::string& rows) { return "examples {" + rows + "}"; }
std::string Validation(const std::string& rows) { return "validation_examples {" + rows + "}"; }

TEST(FitRowsTest, KeepsRowsToLearnFromApartFromThoseForValidation) {
  FitRows rows = Rows();
  ASSERT_TRUE(AddText(Training(kOneRow), &rows).ok());
  ASSERT_TRUE(AddText(Validation(kTwoRows), &rows).ok());
  ASSERT_TRUE(AddText(Training(kTwoRows), &rows).ok());
  EXPECT_EQ(rows.rows_received(), 5);
  EXPECT_TRUE(rows.CheckComplete().ok());
  const auto input = rows.Read();
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->examples.rows(), 3);
  EXPECT_EQ(input->validation->rows(), 2);
  std::vector<float> row(2);
  input->examples.CopyInputs(2, row);
  EXPECT_EQ(row, (std::vector<float>{5, 6}));
}

TEST(FitRowsTest, HasNoValidationUnlessRowsCame) {
  FitRows rows = Rows();
  ASSERT_TRUE(AddText(Training(kOneRow), &rows).ok());
  EXPECT_FALSE(rows.Read()->validation.has_value());
}

TEST(FitRowsTest, RefusesMessagesOutOfPlace) {
  FitRows rows = Rows("validation_fraction: 0.5");
  ExpectRefused(AddText("header {}", &rows), "header", "only the first message");
  ExpectRefused(AddText("", &rows), "kind", "must be examples");
  ExpectRefused(AddText(Validation(kOneRow), &rows), "validation_examples",
                "beside the header's validation_fraction");
  EXPECT_EQ(rows.rows_received(), 0);
}

// Of two rows the seed draws one for validation: one of these is left to learn from alone.
TEST(FitRowsTest, RefusesASplitThatLeavesNothingToLearnFrom) {
  int refused = 0;
  for (const char* weights : {"[0, 1]", "[1, 0]"}) {
    FitRows rows = Rows("validation_fraction: 0.5");
    ASSERT_TRUE(AddText(Training(absl::StrCat("inputs { shape: [2, 2] values: [3, 4, 5, 6] } "
                                              "class_labels { ids: [0, 1] } sample_weights { "
                                              "shape: [2] values: ",
                                              weights, " }")),
                        &rows)
                    .ok());
    const absl::StatusOr<TrainInput> input = rows.Read();
    if (input.ok()) continue;
    ++refused;
    ExpectRefused(input.status(), "examples.sample_weights",
                  "sum 0 over the 1 rows that validation_fraction leaves to learn from");
  }
  EXPECT_EQ(refused, 1);
}

TEST(FitRowsTest, SaysWhichMessageIsWrong) {
  FitRows rows = Rows();
  ASSERT_TRUE(AddText(Training(kOneRow), &rows).ok());
  const absl::Status form = AddText("validation_examples {}", &rows);
  ExpectRefused(form, "validation_examples.inputs.shape", "[]; ");
  EXPECT_EQ(form.message().substr(0, 11), "message 2: ");
  const absl::Status element =
      AddText(Training("inputs { shape: [1, 2] values: [1, nan] } class_labels { ids: 1 }"), &rows);
  ExpectRefused(element, "examples.inputs", "row 0, column 1: nan");
  EXPECT_EQ(element.message().substr(0, 11), "message 3: ");
}

TEST(FitRowsTest, RefusesMoreBytesThanTheLimit) {
  Limits limits;
  limits.max_fit_bytes = 30;  // a row is 8 bytes of inputs and 4 of its class
  FitRows rows = Rows("", limits);
  ASSERT_TRUE(AddText(Training(kTwoRows), &rows).ok());
  EXPECT_EQ(rows.bytes(), 24);
  ExpectRefused(AddText(Training(kOneRow), &rows), "examples", "36 exceeds max_fit_bytes of 30",
                "LIMIT_EXCEEDED");
  EXPECT_EQ(rows.rows_received(), 2);
}

TEST(FitRowsTest, SpoolsAllRowsOnceMemoryIsNotToHoldThem) {
  FitRows in_memory = Rows();
  ASSERT_TRUE(AddText(Training(kTwoRows), &in_memory).ok());
  const int64_t of_one_message = in_memory.memory();
  EXPECT_GT(of_one_message, in_memory.bytes());
  FitRows rows = Rows("", {}, 2 * of_one_message);
  ASSERT_TRUE(AddText(Training(kTwoRows), &rows).ok());
  ASSERT_TRUE(AddText(Validation(kTwoRows), &rows).ok());
  EXPECT_GT(rows.memory(), of_one_message);
  ASSERT_TRUE(AddText(Training(kOneRow), &rows).ok());
  EXPECT_EQ(rows.memory(), 0);
  ASSERT_TRUE(AddText(Validation(kOneRow), &rows).ok());
  EXPECT_EQ(rows.memory(), 0);
  EXPECT_EQ(rows.bytes(), 72);
  ASSERT_TRUE(AddText(Training(kOneRow), &in_memory).ok());
  ASSERT_TRUE(AddText(Validation(kTwoRows), &in_memory).ok());
  ASSERT_TRUE(AddText(Validation(kOneRow), &in_memory).ok());
  const auto input = rows.Read();
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->digest, in_memory.Read()->digest);
  EXPECT_NE(input->examples.spooled(), nullptr);
  EXPECT_EQ(input->examples.rows(), 3);
  EXPECT_EQ(input->validation->rows(), 3);
}

TEST(FitRowsTest, ManySmallMessagesAreCountedWithWhatHoldsThem) {
  FitRows rows = Rows("", {}, 100'000);
  int messages = 0;
  while (rows.memory() > 0 || messages == 0) {
    ASSERT_TRUE(AddText(Training(kOneRow), &rows).ok());
    ++messages;
  }
  EXPECT_LT(messages, 500);  // of 12 bytes
}

TEST(FitRowsTest, ASpoolThatFailsIsTheAnswer) {
  FitRows rows = Rows("", {}, 0, absl::UnavailableError("full"));
  EXPECT_EQ(AddText(Training(kOneRow), &rows).message(), "full");
}

TEST(FitRowsTest, NeedsRowsToLearnFrom) {
  FitRows none = Rows();
  ASSERT_TRUE(AddText(Validation(kOneRow), &none).ok());
  ExpectRefused(none.CheckComplete(), "examples", "0 rows; must be 1 or more");
  FitRows one = Rows("validation_fraction: 0.1");
  ASSERT_TRUE(AddText(Training(kOneRow), &one).ok());
  ExpectRefused(one.CheckComplete(), "examples", "1 rows; must be 2 or more");
}

TEST(FitRowsTest, WeightsMayBeZeroInAMessageButNotInAll) {
  const std::string zero = std::string(kOneRow) + "sample_weights { shape: 1 values: 0 }";
  FitRows rows = Rows();
  ASSERT_TRUE(AddText(Training(zero), &rows).ok());
  ExpectRefused(rows.Read().status(), "examples.sample_weights", "must be above 0");
  FitRows both = Rows();
  ASSERT_TRUE(AddText(Training(zero), &both).ok());
  ASSERT_TRUE(AddText(Training(kOneRow), &both).ok());
  EXPECT_TRUE(both.Read().ok());
}

TEST(FitRowsTest, DigestIsOfTheRowsHoweverTheyWereCut) {
  FitRows two = Rows();
  ASSERT_TRUE(AddText(Training(kOneRow), &two).ok());
  ASSERT_TRUE(AddText(Training(kTwoRows), &two).ok());
  FitRows one = Rows();
  ASSERT_TRUE(AddText(Training("inputs { shape: [3, 2] values: [1, 2, 3, 4, 5, 6] } "
                               "class_labels { ids: [1, 0, 1] }"),
                      &one)
                  .ok());
  const ContentDigest digest = two.Read()->digest;
  EXPECT_EQ(one.Read()->digest, digest);
  FitRows other = Rows("epochs: 2");
  ASSERT_TRUE(AddText(Training(kOneRow), &other).ok());
  ASSERT_TRUE(AddText(Training(kTwoRows), &other).ok());
  EXPECT_NE(other.Read()->digest, digest);
  FitRows apart = Rows();
  ASSERT_TRUE(AddText(Training(kOneRow), &apart).ok());
  ASSERT_TRUE(AddText(Validation(kTwoRows), &apart).ok());
  EXPECT_NE(apart.Read()->digest, digest);
}

}  // namespace
}  // namespace chainrule::server
