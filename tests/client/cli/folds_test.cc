// What the shipped data sets can be learned to, on rows that were held out.
#include <string>
#include <vector>

#include "chainrule/v1/training_service.pb.h"
#include "tests/client/cli/cli_test_support.h"

namespace chainrule::client {
namespace {

constexpr int kFolds = 5;

class FoldsTest : public CliTest {
 protected:
  // Metrics on the rows of `fold`, by a model that learned from the others.
  v1::Metrics MetricsOf(int fold, const std::vector<std::string>& data,
                        const std::vector<std::string>& create,
                        const std::vector<std::string>& train) {
    std::vector<std::string> words = {"create", "m", "--from"};
    words.insert(words.end(), data.begin(), data.end());
    words.insert(words.end(), create.begin(), create.end());
    MustRun(words);
    std::vector<std::string> rows = {"m"};
    rows.insert(rows.end(), data.begin(), data.end());
    rows.insert(rows.end(), {"--folds", std::to_string(kFolds), "--fold", std::to_string(fold)});
    words = {"train", "--normalize"};
    words.insert(words.end(), rows.begin(), rows.end());
    words.insert(words.end(), train.begin(), train.end());
    MustRun(words);
    rows.insert(rows.begin(), "evaluate");
    const auto metrics = MustRunJson<v1::EvaluateResponse>(rows).metrics();
    MustRun({"models", "delete", "m"});
    return metrics;
  }
};

TEST_F(FoldsTest, BreastCancerIsToldApart) {
  double sum = 0;
  for (int fold = 0; fold < kFolds; ++fold) {
    sum += MetricsOf(fold, {Data("wdbc.csv"), "--label", "diagnosis"}, {"--hidden", "16"},
                     {"--epochs", "50"})
               .accuracy();
  }
  EXPECT_GE(sum / kFolds, 0.96);
}

TEST_F(FoldsTest, ClassesCanBeMadeToCountTheSame) {
  double sum = 0;
  for (int fold = 0; fold < kFolds; ++fold) {
    sum += MetricsOf(fold, {Data("wdbc.csv"), "--label", "diagnosis"}, {"--hidden", "16"},
                     {"--epochs", "50", "--class-weight", "balanced"})
               .recall();
  }
  EXPECT_GE(sum / kFolds, 0.94);
}

TEST_F(FoldsTest, IrisesAreToldApart) {
  double sum = 0;
  for (int fold = 0; fold < kFolds; ++fold) {
    sum += MetricsOf(fold, {Data("iris.csv"), "--label", "species"},
                     {"--hidden", "16", "--activation", "tanh", "--optimizer", "adam",
                      "--learning-rate", "0.01"},
                     {"--epochs", "60"})
               .accuracy();
  }
  EXPECT_GE(sum / kFolds, 0.94);
}

// A linear model reaches about 0.48 on this data; a mean alone has 0.
TEST_F(FoldsTest, DiabetesIsPredictedAsWellAsItCanBe) {
  double sum = 0;
  for (int fold = 0; fold < kFolds; ++fold) {
    sum += MetricsOf(fold, {Data("diabetes.csv"), "--label", "progression"},
                     {"--regression", "--hidden", "16", "--activation", "tanh", "--optimizer",
                      "adam", "--l2", "0.01"},
                     {"--epochs", "60"})
               .r_squared();
  }
  EXPECT_GE(sum / kFolds, 0.42);
}

}  // namespace
}  // namespace chainrule::client
