#include "client/data/csv_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::StatusOr<Rows> ReadAll(const std::string& content, const CsvColumns& columns, Labels labels) {
  const TempFile file("t.csv", content);
  const absl::StatusOr<std::unique_ptr<CsvSource>> source =
      CsvSource::Open(file.path(), columns, std::move(labels));
  if (!source.ok()) return source.status();
  Rows rows;
  const absl::Status status = (*source)->Next(1'000, &rows);
  if (!status.ok()) return status;
  return rows;
}

TEST(CsvSourceTest, TakesAllOtherColumnsAsFeatures) {
  const absl::StatusOr<Rows> rows =
      ReadAll("a,kind,w,b\n1,no,2,-3e-1\n+4.5,yes,0,6\n", {.labels = {"kind"}, .weight = "w"},
              Labels::Classes(2, {"no", "yes"}));
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->width, 2);
  EXPECT_THAT(rows->values, ElementsAre(1, -0.3f, 4.5f, 6));
  EXPECT_THAT(rows->classes, ElementsAre(0, 1));
  EXPECT_THAT(rows->weights, ElementsAre(2, 0));
}

TEST(CsvSourceTest, TakesFeaturesByNameAndInTheirOrder) {
  const absl::StatusOr<Rows> rows =
      ReadAll("a,b,c\n1,2,none\n", {.features = {"b", "a"}}, Labels::None());
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->values, ElementsAre(2, 1));
}

TEST(CsvSourceTest, LeavesOutIgnoredColumns) {
  const absl::StatusOr<Rows> rows = ReadAll("id,a\nQ7,1\n", {.ignored = {"id"}}, Labels::None());
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->values, ElementsAre(1));
}

TEST(CsvSourceTest, ReadsSeveralTargetsARow) {
  const absl::StatusOr<Rows> rows =
      ReadAll("a,y,z\n1,2,3\n4,5,6\n", {.labels = {"z", "y"}}, Labels::Numbers());
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->target_width, 2);
  EXPECT_THAT(rows->targets, ElementsAre(3, 2, 6, 5));
}

TEST(CsvSourceTest, RefusesSharesThatAreNone) {
  const CsvColumns columns = {.labels = {"y", "z"}};
  const std::string rows = "a,y,z\n1,0,1\n";
  EXPECT_THAT(ReadAll(rows, columns, Labels::Shares())->targets, ElementsAre(0, 1));
  for (const char* share : {"2", "-0.5"}) {
    EXPECT_THAT(
        std::string(ReadAll(rows + "1,0," + share, columns, Labels::Shares()).status().message()),
        HasSubstr(std::string("t.csv:3: column 3 (z): '") + share + "' is not from 0 to 1"));
  }
}

TEST(CsvSourceTest, GivesBlocksOfTheSizeAskedForAndNoneAtTheEnd) {
  const TempFile file("t.csv", "a\n1\n2\n3\n");
  auto source = *CsvSource::Open(file.path(), {}, Labels::None());
  Rows rows;
  ASSERT_TRUE(source->Next(2, &rows).ok());
  EXPECT_THAT(rows.values, ElementsAre(1, 2));
  ASSERT_TRUE(source->Next(2, &rows).ok());
  EXPECT_THAT(rows.values, ElementsAre(3));
  ASSERT_TRUE(source->Next(2, &rows).ok());
  EXPECT_EQ(rows.count, 0);
  EXPECT_THAT(rows.values, IsEmpty());
}

struct Fault {
  std::string what;
  std::string content;
  std::string says;
};

class CellFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(CellFaultTest, NamesFileLineAndColumn) {
  const absl::StatusOr<Rows> rows =
      ReadAll(GetParam().content, {.features = {"a", "b"}, .labels = {"kind"}, .weight = "w"},
              Labels::Classes(2, {"no", "yes"}));
  ASSERT_FALSE(rows.ok());
  EXPECT_EQ(rows.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(rows.status().message()), HasSubstr(GetParam().says));
}

constexpr char kHeader[] = "a,b,kind,w\n1,2,yes,1\n";

INSTANTIATE_TEST_SUITE_P(
    Faults, CellFaultTest,
    ::testing::Values(
        Fault{"Missing", std::string(kHeader) + "1,,no,1\n", "t.csv:3: column 2 (b): no value"},
        Fault{"Text", std::string(kHeader) + "x1,2,no,1\n",
              "t.csv:3: column 1 (a): 'x1' is not a number"},
        Fault{"NumberAndText", std::string(kHeader) + "1,2 cm,no,1\n",
              "t.csv:3: column 2 (b): '2 cm' is not a number"},
        Fault{"CommaAsPoint", std::string(kHeader) + "\"1,5\",2,no,1\n",
              "t.csv:3: column 1 (a): '1,5' is not a number"},
        Fault{"Hexadecimal", std::string(kHeader) + "0x10,2,no,1\n",
              "t.csv:3: column 1 (a): '0x10' is not a number"},
        Fault{"NaN", std::string(kHeader) + "1,nan,no,1\n",
              "t.csv:3: column 2 (b): 'nan' is not a finite float32"},
        Fault{"Infinity", std::string(kHeader) + "1,-inf,no,1\n",
              "t.csv:3: column 2 (b): '-inf' is not a finite float32"},
        Fault{"TooLarge", std::string(kHeader) + "1,1e39,no,1\n",
              "t.csv:3: column 2 (b): '1e39' is not a finite float32"},
        Fault{"UnknownClass", std::string(kHeader) + "1,2,maybe,1\n",
              "t.csv:3: column 3 (kind): 'maybe' is none of the model's classes: no, yes"},
        Fault{"NoLabel", std::string(kHeader) + "1,2,,1\n",
              "t.csv:3: column 3 (kind): '' is none of the model's classes"},
        Fault{"NegativeWeight", std::string(kHeader) + "1,2,no,-1\n",
              "t.csv:3: column 4 (w): '-1' is negative"},
        Fault{"NoFeatureColumn", "a,kind,w\n1,no,1\n", "t.csv:1: there is no feature column 'b'"},
        Fault{"NoLabelColumn", "a,b,w\n1,2,1\n", "t.csv:1: there is no label column 'kind'"},
        Fault{"NoWeightColumn", "a,b,kind\n1,2,no\n", "t.csv:1: there is no weight column 'w'"}),
    [](const auto& param) { return param.param.what; });

TEST(CsvSourceTest, FaultsHaveNoControlCharactersOfTheClasses) {
  EXPECT_THAT(std::string(ReadAll("a,k\n1,x\n", {.labels = {"k"}},
                                  Labels::Classes(2, {"\x1b[31mred", "line\nend"}))
                              .status()
                              .message()),
              HasSubstr("classes: \\x1b[31mred, line\\nend"));
}

TEST(CsvSourceTest, ClassesWithoutNamesAreNumbersBelowTheirCount) {
  const std::string rows = "a,k\n1,";
  const CsvColumns columns = {.labels = {"k"}};
  EXPECT_THAT(ReadAll(rows + "2\n", columns, Labels::Classes(3, {}))->classes, ElementsAre(2));
  for (const char* cell : {"3", "-1", "1.5", "x"}) {
    EXPECT_THAT(
        std::string(ReadAll(rows + cell, columns, Labels::Classes(3, {})).status().message()),
        HasSubstr("classes are 0 to 2"));
  }
}

TEST(CsvSourceTest, RefusesAFileWithoutFeatures) {
  EXPECT_THAT(
      std::string(ReadAll("k\n1\n", {.labels = {"k"}}, Labels::Numbers()).status().message()),
      HasSubstr("no column is left for the features"));
}

}  // namespace
}  // namespace chainrule::client
