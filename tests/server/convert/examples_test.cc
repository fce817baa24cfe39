#include "server/convert/examples.h"

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

struct BadExamples {
  std::string spec;
  std::string examples;
  std::string field;
  std::string text;
};

void PrintTo(const BadExamples& bad, std::ostream* out) { *out << bad.examples; }

// What constant-cost checks find, and what only a look at the elements does.
class BadFormTest : public testing::TestWithParam<BadExamples> {};
class BadElementTest : public testing::TestWithParam<BadExamples> {};

absl::Status Check(const BadExamples& bad) {
  return CheckSomeExamples(FromText<v1::Examples>(bad.examples), "examples", ContextOf(bad.spec))
      .status();
}

absl::Status Read(const BadExamples& bad) {
  return ReadExamples(SharedFromText<v1::Examples>(bad.examples), "examples", ContextOf(bad.spec))
      .status();
}

TEST_P(BadFormTest, IsRefusedAtConstantCostAndByReaders) {
  ExpectRefused(Check(GetParam()), GetParam().field, GetParam().text);
  ExpectRefused(Read(GetParam()), GetParam().field, GetParam().text);
}

TEST_P(BadElementTest, IsRefusedByReadersWithRowColumnAndValue) {
  EXPECT_TRUE(Check(GetParam()).ok()) << Check(GetParam());
  ExpectRefused(Read(GetParam()), GetParam().field, GetParam().text);
}

constexpr char kTwoRows[] = "inputs { shape: [2, 4] values: [1, 2, 3, 4, 5, 6, 7, 8] } ";
constexpr char kTwoPairs[] = "inputs { shape: [2, 2] values: [1, 2, 3, 4] } ";

std::string Iris(const std::string& more) { return absl::StrCat(kTwoRows, more); }
std::string Pairs(const std::string& more) { return absl::StrCat(kTwoPairs, more); }

INSTANTIATE_TEST_SUITE_P(
    Forms, BadFormTest,
    testing::Values(
        BadExamples{kIris, "", "examples.inputs.shape", "[]; model 'iris' expects [rows, 4]"},
        BadExamples{kIris, "inputs { shape: [0, 4] } class_labels {}", "examples.inputs.shape[0]",
                    "0; must be 1 or more"},
        BadExamples{kIris, "inputs { shape: [1, 3] values: [1, 2, 3] }", "examples.inputs.shape[1]",
                    "3; model 'iris' expects 4"},
        BadExamples{kIris, kTwoRows, "examples", "targets or class_labels are required"},
        BadExamples{kIris, Iris("targets { shape: [2, 2] values: [1, 0, 0, 1] }"),
                    "examples.targets.shape[1]", "2; model 'iris' expects 3"},
        BadExamples{kIris, Iris("targets { shape: [1, 3] values: [1, 0, 0] }"),
                    "examples.targets.shape[0]", "1; must be 2, the rows of the inputs"},
        BadExamples{kIris, Iris("class_labels { ids: 1 }"), "examples.class_labels.ids",
                    "1; must be 2"},
        BadExamples{kIris, Iris("class_labels {}"), "examples.class_labels.ids", "0; must be 2"},
        BadExamples{kIris, Iris("class_labels { names: 'setosa' }"), "examples.class_labels.names",
                    "1; must be 2"},
        BadExamples{kIris, Iris("class_labels { ids: [0, 1] names: ['setosa', 'setosa'] }"),
                    "examples.class_labels", "exactly one"},
        BadExamples{kBinary, Pairs("class_labels { names: ['a', 'b'] }"),
                    "examples.class_labels.names", "has no class_names"},
        BadExamples{kRegression, Pairs("class_labels { ids: [0, 1] }"), "examples.class_labels",
                    "LOSS_MEAN_SQUARED_ERROR, is of regression"},
        BadExamples{kLabels, Pairs("class_labels { ids: [0, 1] }"), "examples.class_labels",
                    "multi_label"},
        BadExamples{kBinary,
                    Pairs("class_labels { ids: [0, 1] } sample_weights { shape: 1 "
                          "values: 1 }"),
                    "examples.sample_weights.shape[0]", "1; must be 2"},
        BadExamples{kBinary,
                    Pairs("class_labels { ids: [0, 1] } sample_weights { shape: [2, 1] "
                          "values: [1, 1] }"),
                    "examples.sample_weights.shape", "[2, 1]; sample weights are [rows]"}));

INSTANTIATE_TEST_SUITE_P(
    Elements, BadElementTest,
    testing::Values(
        BadExamples{kIris,
                    "inputs { shape: [2, 4] values: [1, 2, 3, 4, 5, 6, nan, 8] } "
                    "class_labels { ids: [0, 1] }",
                    "examples.inputs", "row 1, column 2 (petal_width): nan; must be finite"},
        BadExamples{kBinary, "inputs { shape: [1, 2] values: [1, inf] } class_labels { ids: 0 }",
                    "examples.inputs", "row 0, column 1: inf; must be finite"},
        BadExamples{kIris, Iris("class_labels { ids: [0, 3] }"), "examples.class_labels.ids[1]",
                    "3; must be below 3"},
        BadExamples{kIris, Iris("class_labels { ids: [-1, 0] }"), "examples.class_labels.ids[0]",
                    "-1; must be 0 or more"},
        BadExamples{kBinary, Pairs("class_labels { ids: [1, 2] }"), "examples.class_labels.ids[1]",
                    "2; must be below 2"},
        BadExamples{kIris, Iris("class_labels { names: ['setosa', 'rose'] }"),
                    "examples.class_labels.names[1]",
                    "'rose'; must be one of 'setosa', 'versicolor', 'virginica'"},
        BadExamples{kRegression, Pairs("targets { shape: 2 values: [1, nan] }"), "examples.targets",
                    "row 1: nan; must be finite"},
        BadExamples{kBinary, Pairs("targets { shape: [2, 1] values: [0.5, 1.5] }"),
                    "examples.targets", "row 1, column 0: 1.5; must be in [0, 1]"},
        BadExamples{kLabels, Pairs("targets { shape: [2, 3] values: [0, 1, 0, 0, -1, 0] }"),
                    "examples.targets", "row 1, column 1 (green): -1; must be in [0, 1]"},
        BadExamples{kIris, Iris("targets { shape: [2, 3] values: [0, 1, 0, 0.5, 0.25, 0] }"),
                    "examples.targets", "row 1: sum 0.75; must be 1 ± 1e-5"},
        BadExamples{kBinary,
                    Pairs("class_labels { ids: [0, 1] } sample_weights { shape: 2 "
                          "values: [1, -1] }"),
                    "examples.sample_weights", "row 1: -1; must be 0 or more"},
        BadExamples{kBinary,
                    Pairs("class_labels { ids: [0, 1] } sample_weights { shape: 2 "
                          "values: [nan, 1] }"),
                    "examples.sample_weights", "row 0: nan; must be finite"},
        BadExamples{kBinary,
                    Pairs("class_labels { ids: [0, 1] } sample_weights { shape: 2 "
                          "values: [0, 0] }"),
                    "examples.sample_weights", "sum 0; must be above 0"}));

std::vector<float> TargetsOf(const engine::Examples& examples, int64_t width) {
  std::vector<float> all;
  for (int64_t i = 0; i < examples.rows(); ++i) {
    std::vector<float> row(static_cast<size_t>(width));
    examples.CopyTargets(i, row);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

TEST(ReadExamplesTest, NamesIdsAndOneHotRowsAreTheSameTargets) {
  const std::vector<float> expected = {0, 0, 1, 1, 0, 0};
  for (const std::string target :
       {"class_labels { names: ['virginica', 'setosa'] }", "class_labels { ids: [2, 0] }",
        "targets { shape: [2, 3] values: [0, 0, 1, 1, 0, 0] }"}) {
    const auto examples =
        ReadExamples(SharedFromText<v1::Examples>(Iris(target)), "examples", ContextOf(kIris));
    ASSERT_TRUE(examples.ok()) << examples.status();
    EXPECT_EQ(TargetsOf(*examples, 3), expected) << target;
  }
}

TEST(ReadExamplesTest, KeepsTheMessageForAsLongAsTheRows) {
  auto message =
      SharedFromText<v1::Examples>(Iris("class_labels { names: ['setosa', 'setosa'] }"
                                        "sample_weights { shape: 2 values: [2, 3] }"));
  const std::weak_ptr<const v1::Examples> watch = message;
  {
    const auto examples = ReadExamples(std::move(message), "examples", ContextOf(kIris));
    ASSERT_TRUE(examples.ok()) << examples.status();
    EXPECT_FALSE(watch.expired());
    std::vector<float> row(4);
    examples->CopyInputs(1, row);
    EXPECT_EQ(row, (std::vector<float>{5, 6, 7, 8}));
    EXPECT_EQ(examples->Weight(1), 3.0F);
  }
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace chainrule::server
