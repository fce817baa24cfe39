// What `train` tells beyond the server's answers.
#include <string>
#include <vector>

#include "tests/client/cli/cli_test_support.h"

namespace chainrule::client {
namespace {

using ::testing::HasSubstr;

TEST_F(CliTest, TrainingThatDivergedSaysWhatMayHelp) {
  const std::vector<std::string> data = {Data("diabetes.csv"), "--label", "progression"};
  const auto with = [&](std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), data.begin(), data.end());
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  MustRun(with({"create", "m", "--from"}, {"--regression"}));
  ExpectWrong({with({"train", "m"}, {"--epochs", "20"}), 1,
               "; --normalize, with a new model, or a smaller --learning-rate may help\n"});
  MustRun(with({"create", "n", "--from"}, {"--regression"}));
  const Answer answer = ExpectWrong(
      {with({"train", "n"}, {"--epochs", "20", "--normalize", "--learning-rate", "1e6"}), 1,
       "; a smaller --learning-rate may help\n"});
  EXPECT_THAT(answer.error, HasSubstr("FAILED_PRECONDITION: training diverged"));
}

}  // namespace
}  // namespace chainrule::client
