// What `predict` tells beyond the server's answers.
#include <google/protobuf/struct.pb.h>

#include <string>
#include <vector>

#include "chainrule/v1/prediction_service.pb.h"
#include "tests/client/cli/cli_test_support.h"

namespace chainrule::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;

TEST_F(CliTest, PredictNumbersTheRowsOfAFoldByTheFile) {
  MustRun({"create", "iris", "--from", Data("iris.csv"), "--label", "species"});
  const std::vector<std::string> words = {"predict", "iris", Data("iris.csv"), "--label", "species",
                                          "--folds", "5",    "--fold",         "1",       "--limit",
                                          "3"};
  EXPECT_THAT(MustRun(words), ContainsRegex("score\n +2  .*\n +7  .*\n +12  .*\n$"));
  const auto json = MustRunJson<google::protobuf::Struct>(words);
  std::vector<std::string> numbers;
  for (const auto& number : json.fields().at("row_numbers").list_value().values()) {
    numbers.push_back(number.string_value());
  }
  EXPECT_THAT(numbers, ElementsAre("2", "7", "12"));
  EXPECT_EQ(json.fields().at("rows").list_value().values_size(), 3);
}

TEST_F(CliTest, PredictNumbersAllRowsFromOne) {
  MustRun({"create", "iris", "--from", Data("iris.csv"), "--label", "species"});
  const std::vector<std::string> words = {"predict", "iris", Data("iris.csv"), "--limit", "2"};
  EXPECT_THAT(MustRun(words), ContainsRegex("score\n +1  .*\n +2  .*\n$"));
  EXPECT_EQ(MustRunJson<v1::PredictResponse>(words).rows_size(), 2);
}

}  // namespace
}  // namespace chainrule::client
