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

absl::StatusOr<Survey> SurveyOf(const std::string& content, const CsvColumns& columns,
                                bool classes) {
  const TempFile file("t.csv", content);
  return SurveyCsv(file.path(), columns, classes);
}

TEST(SurveyCsvTest, FindsFeaturesAndSortedClasses) {
  const absl::StatusOr<Survey> survey =
      SurveyOf("b,k,a\n1,no,2\n3,yes,4\n5,maybe,6\n7,no,8\n", {.labels = {"k"}}, true);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(survey->input_width, 2);
  EXPECT_THAT(survey->feature_names, ElementsAre("b", "a"));
  EXPECT_THAT(survey->class_names, ElementsAre("maybe", "no", "yes"));
  EXPECT_FALSE(survey->labels_are_numbers);
}

TEST(SurveyCsvTest, SortsNumbersByValue) {
  const absl::StatusOr<Survey> survey = SurveyOf("a,k\n1,10\n1,9\n1,-2\n", {.labels = {"k"}}, true);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_THAT(survey->class_names, ElementsAre("-2", "9", "10"));
  EXPECT_TRUE(survey->labels_are_numbers);
}

TEST(SurveyCsvTest, ReadsNoLabelsUnlessAsked) {
  const absl::StatusOr<Survey> survey = SurveyOf("a,k\n1,\n", {.labels = {"k"}}, false);
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_THAT(survey->class_names, IsEmpty());
}

TEST(SurveyCsvTest, RefusesLabelsThatNameNothing) {
  EXPECT_THAT(std::string(SurveyOf("a,k\n1,x\n2,\n", {.labels = {"k"}}, true).status().message()),
              HasSubstr("t.csv:3: column 2 (k): no label"));
  EXPECT_THAT(std::string(SurveyOf("a,k\n1,\xE9\n", {.labels = {"k"}}, true).status().message()),
              HasSubstr("t.csv:2: column 2 (k): not UTF-8"));
}

TEST(SurveyCsvTest, RefusesAFileWithoutRowsWhoseLabelsAreAskedFor) {
  EXPECT_THAT(std::string(SurveyOf("a,k\n", {.labels = {"k"}}, true).status().message()),
              HasSubstr("t.csv: no rows"));
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
