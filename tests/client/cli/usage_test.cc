#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::vector<std::vector<std::string>> kCommands = {{},
                                                         {"create"},
                                                         {"train"},
                                                         {"predict"},
                                                         {"evaluate"},
                                                         {"gradients"},
                                                         {"check"},
                                                         {"models"},
                                                         {"models", "list"},
                                                         {"models", "show"},
                                                         {"models", "delete"},
                                                         {"weights"},
                                                         {"weights", "show"},
                                                         {"weights", "set"},
                                                         {"export"},
                                                         {"import"},
                                                         {"info"},
                                                         {"health"}};

TEST(UsageTest, EveryCommandHasHelp) {
  for (std::vector<std::string> words : kCommands) {
    words.emplace_back("--help");
    const Answer answer = RunProgram(words);
    EXPECT_EQ(answer.code, 0);
    EXPECT_THAT(answer.out, HasSubstr("Usage: chainrule"));
    EXPECT_EQ(answer.error, "");
  }
}

TEST(UsageTest, HelpTellsDefaultsAndUnits) {
  EXPECT_THAT(RunProgram({"--help"}).out, HasSubstr("--output TEXT:{text,json}=text"));
  EXPECT_THAT(RunProgram({"train", "--help"}).out,
              HasSubstr("Stops after this long (90s, 1h30m, or a number of seconds)"));
}

TEST(UsageTest, TellsItsVersion) {
  EXPECT_EQ(RunProgram({"--version"}).code, 0);
  EXPECT_THAT(RunProgram({"--version"}).out, ::testing::MatchesRegex("[0-9.]+\n"));
}

struct Wrong {
  std::vector<std::string> words;
  std::string says;
};

const char* const kEmpty = ": empty; give it a value or leave it out";

// CLI11 would take the next word for the value, and drop an empty item.
TEST(UsageTest, WhatIsEmptyIsRefused) {
  const std::vector<Wrong> table = {
      {{"--server=", "info"}, std::string("--server") + kEmpty},
      {{"--server=", "models", "list"}, std::string("--server") + kEmpty},
      {{"models", "list", "--filter="}, std::string("--filter") + kEmpty},
      {{"create", "serve", "--label=", "x"}, std::string("--label") + kEmpty},
      {{"--output", "json", "create", "m", "--seed=", "1"}, std::string("--seed") + kEmpty},
      {{"create", "m", "--inputs", "2", "--hidden", "3,,4"}, "--hidden: '3,,4' has an empty item"},
      {{"create", "m", "--inputs", "2", "--hidden", "3,"}, "--hidden: '3,' has an empty item"},
      {{"create", "m", "--inputs", "2", "--hidden=,3"}, "--hidden: ',3' has an empty item"},
      {{"create", "m", "--inputs", "2", "--class-names", "a,,b"}, "--class-names: 'a,,b' has an"},
      {{"create", "m", "--inputs", "2", "--class-names", ""},
       std::string("--class-names") + kEmpty},
      {{"weights", "show", "m", "--layers", "0,,1"}, "--layers: '0,,1' has an empty item"},
      {{"gradients", "m", "x.csv", "--wrt", ","}, "--wrt: ',' has an empty item"}};
  for (const Wrong& wrong : table) {
    const Answer answer = RunProgram(wrong.words);
    EXPECT_EQ(answer.code, 2) << answer.error;
    EXPECT_THAT(answer.error, StartsWith("chainrule: " + wrong.says));
    EXPECT_EQ(answer.error.find('\n'), answer.error.size() - 1) << answer.error;
  }
}

TEST(UsageTest, AnAddressThatCannotBeIsTwo) {
  for (const char* address : {"127.0.0.1:99999", "127.0.0.1", "unix:", "http://127.0.0.1:50051"}) {
    const Answer answer = RunProgram({"info", "--server", address});
    EXPECT_EQ(answer.code, 2) << answer.error;
    EXPECT_THAT(answer.error, StartsWith(absl::StrCat("chainrule: server address '", address)));
    EXPECT_EQ(answer.error.find('\n'), answer.error.size() - 1) << answer.error;
  }
}

// None of these reaches for a server: there is none at this address.
TEST(UsageTest, WhatIsWrongOnTheCommandLineIsOneLineAndTwo) {
  const std::vector<Wrong> table = {
      {{}, "A subcommand is required"},
      {{"bogus"}, "no command 'bogus'"},
      {{"models"}, "A subcommand is required (chainrule models --help)"},
      {{"models", "frob"}, "no command 'frob' (chainrule models --help)"},
      {{"weights", "fr\nob"}, "no command 'fr\\nob' (chainrule weights --help)"},
      {{"create"}, "MODEL is required (chainrule create --help)"},
      {{"create", "m", "--activation", "swish"}, "swish not in {sigmoid"},
      {{"create", "m", "--inputs", "0"}, "--inputs: 0 is not a whole number from 1 on"},
      {{"create", "m", "--inputs", "x"}, "x is not a whole number"},
      {{"create", "m", "--hidden", "3,x"}, "--hidden: x is not a whole number from 1 on"},
      {{"create", "m", "--seed", "x"}, "--seed: x is not a whole number of 64 bits"},
      {{"create", "m", "--l2", "x"}, "--l2: x is not a number"},
      {{"create", "m", "--momentum", "x"}, "--momentum: x is not a number"},
      {{"create", "m", "--activation", "\x1b[31m"}, "\\x1b[31m not in {sigmoid"},
      {{"create", "m", "--label", "kind"}, "--label requires --from"},
      {{"create", "m"}, "how wide is a row?"},
      {{"create", "m", "--inputs", "2", "--rho", "0.9"}, "sgd has no --rho"},
      {{"create", "m", "--inputs", "2", "--warmup", "9", "--schedule-gamma", "1"},
       "schedule constant has no --schedule-gamma"},
      {{"create", "m", "--inputs", "2", "--tag", "x"}, "KEY=VALUE is needed"},
      {{"create", "m", "--from", Data("iris.csv")}, "--from needs --label"},
      {{"create", "m", "--from", Data("iris.csv"), "--label", "kind"},
       "iris.csv:1: there is no label column 'kind'; there are sepal_length_cm"},
      {{"create", "m", "--from", Data("diabetes.csv"), "--label", "progression"},
       "different numbers as labels of 442 rows; to predict numbers: --regression"},
      {{"create", "m", "--from", "no/such.csv", "--label", "kind"}, "no/such.csv"},
      {{"create", "m", "--spec", "no/such.json"}, "no/such.json"},
      {{"train", "m", "x.csv", "--epochs", "0"}, "--epochs: 0 is not a whole number from 1 on"},
      {{"train", "m", "x.csv", "--time-limit", "soon"}, "soon is not a duration above 0"},
      {{"train", "m", "x.csv", "--time-limit", "-1s"}, "-1s is not a duration above 0"},
      {{"train", "m", "x.csv", "--fold", "1"}, "--fold requires --folds"},
      {{"train", "m", "x.csv", "--if-step", "x"}, "--if-step: x is not a whole number"},
      {{"predict", "m", "x.csv", "--threshold", "x"}, "--threshold: x is not a number from 0 to 1"},
      {{"evaluate", "m", "x.csv", "--threshold", "1.5"}, "1.5 is not a number from 0 to 1"},
      {{"predict", "m", "x.csv", "--top", "3000000000"}, "from 1 to 2147483647"},
      {{"weights", "show", "m", "--layers", "0,x"},
       "--layers: x is not a whole number from 0 to 2147483647"},
      {{"gradients", "m", "x.csv", "--layers", "-1"}, "-1 is not a whole number from 0"},
      {{"models", "alias", "m", "prod", "x"}, "VERSION: x is not a whole number"},
      {{"train", "m", "x.csv", "--restore-best"}, "--restore-best requires --patience"},
      {{"train", "m", "x.csv", "--validation", "y", "--validation-fraction", "0.1"}, "excludes"},
      {{"train", "m", "x.csv", "--class-weight", "heavy"}, "heavy not in {balanced}"},
      {{"gradients", "m", "x.csv", "--wrt", "weather"}, "weather not in {parameters"},
      {{"weights", "set", "m", "no/such.json"}, "no/such.json"},
      {{"export", "m"}, "FILE is required (chainrule export --help)"},
      {{"export", "m", "f", "--include-optimizer", "--fold-normalization"}, "excludes"},
      {{"export", "m", "no/such/folder/f"}, "no/such/folder/f"},
      {{"import", "f"}, "where to? say --model or --into"},
      {{"import", "f", "--model", "m", "--into", "m"}, "excludes"},
      {{"import", "f", "--into", "m", "--spec", "s.json"}, "excludes"},
      {{"import", "f", "--into", "m", "--tag", "a=b"}, "excludes"},
      {{"import", "f", "--model", "m", "--if-step", "1"}, "--if-step requires --into"},
      {{"import", "f", "--model", "m", "--tag", "x"}, "KEY=VALUE is needed"},
      {{"import", "f", "--model", "m", "--spec", "no/such.json"}, "no/such.json"},
      {{"import", "no/such.safetensors", "--model", "m"}, "no/such.safetensors"},
      {{"info", "--output", "xml"}, "xml not in {text,json}"},
      {{"info", "more"}, "more"}};
  for (const Wrong& wrong : table) {
    std::vector<std::string> words = wrong.words;
    if (!words.empty()) words.insert(words.end(), {"--server", "unix:no-such-socket"});
    const Answer answer = RunProgram(words);
    EXPECT_EQ(answer.code, 2) << answer.error;
    EXPECT_EQ(answer.out, "");
    EXPECT_THAT(answer.error, AllOf(StartsWith("chainrule: "), HasSubstr(wrong.says)));
    EXPECT_EQ(answer.error.find('\n'), answer.error.size() - 1) << answer.error;
  }
}

TEST(UsageTest, NobodyThereIsThree) {
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"info"}, {"health"}, {"models", "list"}, {"predict", "m", "--row", "1"}}) {
    std::vector<std::string> all = words;
    all.insert(all.end(), {"--server", "unix:no-such-socket"});
    const Answer answer = RunProgram(all);
    EXPECT_EQ(answer.code, 3);
    EXPECT_THAT(answer.error,
                StartsWith("chainrule: UNAVAILABLE: no server listens at unix:no-such-socket; "
                           "`chainrule serve` starts one ("));
  }
}

TEST(UsageTest, FaultsInJsonNameTheFile) {
  const TempFile spec("spec.json", "{\"input_width\": 2, \"hidden\": 3}");
  const Answer answer = RunProgram({"create", "m", "--spec", spec.path()});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.error, AllOf(HasSubstr("spec.json: "), HasSubstr("hidden")));
}

}  // namespace
}  // namespace chainrule::client
