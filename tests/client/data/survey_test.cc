#include "client/data/survey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Labels kClasses = Labels::Classes(0, {});

absl::StatusOr<Survey> SurveyOf(const std::string& content, const CsvColumns& columns,
                                const Labels& labels) {
  const TempFile file("t.csv", content);
  return SurveyCsv(file.path(), columns, labels);
}

TEST(SurveyCsvTest, FindsFeaturesAndSortedClasses) {
  const absl::StatusOr<Survey> survey =
      SurveyOf("b,k,a\n1,no,2\n3,yes,4\n5,maybe,6\n7,no,8\n", {.labels = {"k"}}, kClasses);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->input_width, 2);
  EXPECT_THAT(survey->feature_names, ElementsAre("b", "a"));
  EXPECT_THAT(survey->class_names, ElementsAre("maybe", "no", "yes"));
  EXPECT_FALSE(survey->labels_are_numbers);
}

TEST(SurveyCsvTest, SortsNumbersByValue) {
  const absl::StatusOr<Survey> survey =
      SurveyOf("a,k\n1,10\n1,9\n1,-2\n", {.labels = {"k"}}, kClasses);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_THAT(survey->class_names, ElementsAre("-2", "9", "10"));
  EXPECT_TRUE(survey->labels_are_numbers);
}

TEST(SurveyCsvTest, TellsWholeNumbersFromFractions) {
  const CsvColumns columns = {.labels = {"k"}};
  const absl::StatusOr<Survey> whole = SurveyOf("a,k\n1,1\n1,2.0\n1,1\n", columns, kClasses);
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_FALSE(whole->has_fractions);
  EXPECT_EQ(whole->rows, 3);
  EXPECT_TRUE(SurveyOf("a,k\n1,1\n1,2.5\n", columns, kClasses)->has_fractions);
}

TEST(SurveyCsvTest, RefusesAFeatureThatIsNoNumber) {
  for (const Labels& labels : {kClasses, Labels::None()}) {
    const absl::StatusOr<Survey> survey =
        SurveyOf("id,a,k\n1,2,x\nQ7,2,y\n", {.labels = {"k"}}, labels);
    EXPECT_THAT(std::string(survey.status().message()),
                HasSubstr("t.csv:3: column 1 (id): 'Q7' is not a number; no feature? --ignore id"));
  }
  EXPECT_TRUE(SurveyOf("id,a\nQ7,2\n", {.ignored = {"id"}}, Labels::None()).ok());
}

TEST(SurveyCsvTest, FindsNoClassesInNumbers) {
  const absl::StatusOr<Survey> survey =
      SurveyOf("a,k\n1,0.5\n2,7\n", {.labels = {"k"}}, Labels::Numbers());
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_THAT(survey->class_names, IsEmpty());
}

TEST(SurveyCsvTest, RefusesLabelsThatAreNotTheNumbersAskedFor) {
  const CsvColumns columns = {.labels = {"y", "z"}};
  const auto fault = [&](const std::string& row, const Labels& labels) {
    return std::string(SurveyOf("a,y,z\n1,0,1\n" + row, columns, labels).status().message());
  };
  EXPECT_THAT(fault("1,0,red\n", Labels::Numbers()),
              HasSubstr("t.csv:3: column 3 (z): 'red' is not a number"));
  EXPECT_THAT(fault("1,2,1\n", Labels::Shares()),
              HasSubstr("t.csv:3: column 2 (y): '2' is not from 0 to 1"));
}

TEST(SurveyCsvTest, RefusesLabelsThatNameNothing) {
  EXPECT_THAT(
      std::string(SurveyOf("a,k\n1,x\n2,\n", {.labels = {"k"}}, kClasses).status().message()),
      HasSubstr("t.csv:3: column 2 (k): no label"));
  EXPECT_THAT(
      std::string(SurveyOf("a,k\n1,\xE9\n", {.labels = {"k"}}, kClasses).status().message()),
      HasSubstr("t.csv:2: column 2 (k): not UTF-8"));
}

TEST(SurveyCsvTest, RefusesAFileWithoutRowsWhoseLabelsAreAskedFor) {
  for (const Labels& labels : {kClasses, Labels::Numbers()}) {
    EXPECT_THAT(std::string(SurveyOf("a,k\n", {.labels = {"k"}}, labels).status().message()),
                HasSubstr("t.csv: no rows"));
  }
  EXPECT_TRUE(SurveyOf("a,k\n", {}, Labels::None()).ok());
}

TEST(SurveyIdxTest, CountsPixelsAndClasses) {
  const TempFile images(
      "i", std::string("\0\0\x08\x03\0\0\0\x02\0\0\0\x02\0\0\0\x03", 16) + std::string(12, '\x07'));
  const TempFile labels("l", std::string("\0\0\x08\x01\0\0\0\x02\x02\x00", 10));
  const absl::StatusOr<Survey> survey = SurveyIdx(images.path(), labels.path());
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->input_width, 6);
  EXPECT_THAT(survey->class_names, ElementsAre("0", "1", "2"));
}

}  // namespace
}  // namespace chainrule::client
