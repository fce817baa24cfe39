// Every command in both of its outputs, and what it does when asked wrongly.
#include <google/protobuf/empty.pb.h>

#include <cmath>
#include <string>
#include <vector>

#include "chainrule/v1/prediction_service.pb.h"
#include "chainrule/v1/training_service.pb.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A model of iris, trained a little.
class CommandsTest : public CliTest {
 protected:
  void SetUp() override {
    MustRun({"create", "iris", "--from", Data("iris.csv"), "--label", "species", "--hidden", "8"});
    MustRun(With("train", {"--normalize", "--epochs", "20"}));
  }

  // A command on the iris data and its labels.
  static std::vector<std::string> With(const std::string& command,
                                       const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {command, "iris", Data("iris.csv"), "--label", "species"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  int64_t Step() { return server().Get("iris").step(); }
};

TEST_F(CommandsTest, TrainTellsOfItsEpochs) {
  const std::string out = MustRun(With("train", {"--epochs", "3", "--batch-size", "50"}));
  EXPECT_THAT(out, ContainsRegex("epoch 1/3  loss [0-9.]+  [0-9]+ rows/s\n"));
  EXPECT_THAT(out,
              ContainsRegex("epoch 3/3 .*\nloss [0-9.]+, 9 steps, model at step 109, completed\n"));
}

TEST_F(CommandsTest, TrainAnswersInJson) {
  const auto result = MustRunJson<v1::TrainResponse>(With("train", {"--epochs", "3"}));
  EXPECT_EQ(result.epochs_size(), 3);
  EXPECT_EQ(result.steps_taken(), 15);
  EXPECT_EQ(result.stop_reason(), v1::STOP_REASON_COMPLETED);
  EXPECT_EQ(result.model_step(), Step());
}

TEST_F(CommandsTest, TrainHeedsItsFlags) {
  const auto measured = MustRunJson<v1::TrainResponse>(
      With("train", {"--epochs", "50", "--validation-fraction", "0.2", "--patience", "1",
                     "--min-delta", "1000", "--restore-best"}));
  EXPECT_EQ(measured.stop_reason(), v1::STOP_REASON_EARLY_STOPPED);
  EXPECT_TRUE(measured.epochs(0).has_validation_loss());
  EXPECT_EQ(measured.best_epoch(), 1);
  const auto file = MustRunJson<v1::TrainResponse>(
      With("train", {"--validation", Data("iris.csv"), "--learning-rate", "0.25"}));
  EXPECT_TRUE(file.epochs(0).has_validation_loss());
  EXPECT_EQ(file.epochs(0).learning_rate(), 0.25);
  const auto limited = MustRunJson<v1::TrainResponse>(
      With("train", {"--epochs", "1000000", "--time-limit", "10ms"}));
  EXPECT_EQ(limited.stop_reason(), v1::STOP_REASON_TIME_LIMIT);
}

// Two labels a row, each of which a column decides.
TEST_F(CommandsTest, SeveralLabelsARowAreLearned) {
  std::string text = "a,b,x,y\n";
  for (int i = 0; i < 64; ++i) {
    const int a = i % 8 - 4;
    const int b = i / 8 - 4;
    absl::StrAppend(&text, a, ",", b, ",", a >= 0 ? 1 : 0, ",", b >= 0 ? 1 : 0, "\n");
  }
  const TempFile file("labels.csv", text);
  const std::vector<std::string> data = {file.path(), "--label", "x,y"};
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.end(), data.begin(), data.end());
    return words;
  };
  MustRun({"create", "labels", "--from", file.path(), "--label", "x,y", "--multi-label"});
  const auto trained = MustRunJson<v1::TrainResponse>(
      run({"train", "labels", "--epochs", "200", "--validation-fraction", "0.25"}));
  const auto measured = MustRunJson<v1::EvaluateResponse>(run({"evaluate", "labels"}));
  EXPECT_GT(measured.metrics().accuracy(), 0.95);
  EXPECT_GT(measured.metrics().f1(), 0.95);
  EXPECT_FALSE(measured.metrics().has_confusion_matrix());
  EXPECT_GT(trained.epochs(199).validation_metrics().accuracy(), 0.9);
  const auto predicted =
      MustRunJson<v1::PredictResponse>({"predict", "labels", "--row", "3,-3", "--row", "-4,-4"});
  ASSERT_EQ(predicted.rows_size(), 2);
  ASSERT_EQ(predicted.rows(0).classes_size(), 1);
  EXPECT_EQ(predicted.rows(0).classes(0).name(), "x");
  EXPECT_EQ(predicted.rows(1).classes_size(), 0);
}

TEST_F(CommandsTest, ATargetThatIsNoShareIsNamedByItsPlaceInTheFile) {
  MustRun({"create", "labels", "--inputs", "1", "--target-names", "y,z", "--multi-label"});
  const TempFile file("mlb.csv", "a,y,z\n1,0,1\n2,1,2\n");
  for (const char* command : {"train", "evaluate", "gradients", "check"}) {
    ExpectWrong({{command, "labels", file.path(), "--label", "y,z"},
                 2,
                 "mlb.csv:3: column 3 (z): '2' is not from 0 to 1"});
  }
  ExpectWrong({{"check", "labels", "--row", "1", "--answer", "0,2"},
               2,
               "--answer '0,2': '2' is not from 0 to 1"});
}

TEST_F(CommandsTest, TrainIsDoneOnceForARequestId) {
  const std::vector<std::string> words =
      With("train", {"--request-id", "5c2a1c63-8b6a-4b0e-9f8e-0c9d1e1f2a3b"});
  const auto first = MustRunJson<v1::TrainResponse>(words);
  const auto again = MustRunJson<v1::TrainResponse>(words);
  EXPECT_FALSE(first.replayed());
  EXPECT_TRUE(again.replayed());
  EXPECT_EQ(again.model_step(), first.model_step());
  EXPECT_THAT(MustRun(words), HasSubstr(", replayed\n"));
}

TEST_F(CommandsTest, TrainRefusesAnotherStep) {
  const Answer answer = Run(With("train", {"--if-step", "7"}));
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.error, StartsWith("chainrule: ABORTED: "));
}

TEST_F(CommandsTest, AFaultInTheFileEndsTrainingBeforeItBegins) {
  const int64_t step = Step();
  std::string rows = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,species\n";
  for (int i = 0; i < 100'000; ++i) rows += "5.1,3.5,1.4,0.2,setosa\n";
  const TempFile file("late.csv", rows + "5.1,3.5,1.4,x,setosa\n");
  const Answer answer = Run({"train", "iris", file.path(), "--label", "species"});
  EXPECT_EQ(answer.code, 2);
  EXPECT_THAT(answer.error, HasSubstr("late.csv:100002: column 4 (petal_width_cm): 'x' is not"));
  EXPECT_EQ(Step(), step);
}

TEST_F(CommandsTest, ARefusalAmidTheRowsIsTold) {
  std::string rows = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,species,w\n";
  for (int i = 0; i < 200'000; ++i) rows += "5.1,3.5,1.4,0.2,setosa,0\n";
  const TempFile file("t.csv", rows);
  const Answer answer =
      Run({"train", "iris", file.path(), "--label", "species", "--weight-column", "w"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.error, HasSubstr("sample_weights"));
}

TEST_F(CommandsTest, PredictAnswersWithClasses) {
  const std::string out = MustRun(
      {"predict", "iris", "--row", "5.1,3.5,1.4,0.2", "--row", "6.7,3.3,5.7,2.5", "--top", "2"});
  EXPECT_THAT(out,
              ContainsRegex("row +class +score +class +score\n +1  setosa +0.*\n +2  virginica"));
  const auto json = MustRunJson<v1::PredictResponse>(
      {"predict", "iris", "--row", "5.1,3.5,1.4,0.2", "--top", "3"});
  ASSERT_EQ(json.rows_size(), 1);
  EXPECT_EQ(json.rows(0).classes_size(), 3);
  EXPECT_EQ(json.rows(0).classes(0).name(), "setosa");
  EXPECT_EQ(json.outputs().values_size(), 3);
}

TEST_F(CommandsTest, PredictTakesFilesWithColumnsInAnyOrder) {
  const TempFile file("t.csv",
                      "id,petal_width_cm,petal_length_cm,sepal_width_cm,sepal_length_cm\n"
                      "Q7,0.2,1.4,3.5,5.1\n");
  const auto by_name = MustRunJson<v1::PredictResponse>({"predict", "iris", file.path()});
  const auto typed =
      MustRunJson<v1::PredictResponse>({"predict", "iris", "--row", "5.1,3.5,1.4,0.2"});
  EXPECT_THAT(by_name.outputs().values(), ::testing::ElementsAreArray(typed.outputs().values()));
  const auto by_position = MustRunJson<v1::PredictResponse>(
      {"predict", "iris", file.path(), "--by-position", "--ignore", "id"});
  EXPECT_NE(by_position.outputs().values(0), typed.outputs().values(0));
}

TEST_F(CommandsTest, PredictJoinsTheAnswersOfManyMessages) {
  std::string rows = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm\n";
  for (int i = 0; i < 70'000; ++i) rows += "5.1,3.5,1.4,0.2\n";
  const TempFile file("t.csv", rows + "6.7,3.3,5.7,2.5\n");
  const auto json = MustRunJson<v1::PredictResponse>({"predict", "iris", file.path()});
  EXPECT_EQ(json.outputs().shape(0), 70'001);
  EXPECT_EQ(json.outputs().values_size(), 3 * 70'001);
  ASSERT_EQ(json.rows_size(), 70'001);
  EXPECT_EQ(json.rows(70'000).classes(0).name(), "virginica");
}

TEST_F(CommandsTest, PredictGivesNumbersAndLogits) {
  const std::string out =
      MustRun({"predict", "iris", "--row", "5.1,3.5,1.4,0.2", "--values", "--logits"});
  EXPECT_THAT(out, ContainsRegex("row +setosa +versicolor +virginica +z 0 +z 1 +z 2\n"));
}

TEST_F(CommandsTest, EvaluateMeasures) {
  const std::string out = MustRun(With("evaluate"));
  EXPECT_THAT(out, ContainsRegex("rows +150\nloss +[0-9.]+\naccuracy +0\\.[0-9]+\n"));
  EXPECT_THAT(out, ContainsRegex("setosa +50 +0 +0\n"));
  const auto json = MustRunJson<v1::EvaluateResponse>(With("evaluate"));
  EXPECT_EQ(json.rows(), 150);
  EXPECT_EQ(json.metrics().confusion_matrix().values_size(), 9);
}

TEST_F(CommandsTest, GradientsShowNormsAndGiveTensors) {
  const auto json = MustRunJson<v1::GetGradientsResponse>(
      With("gradients", {"--wrt", "parameters,inputs,activations", "--layers", "1"}));
  ASSERT_EQ(json.layers_size(), 1);
  EXPECT_EQ(json.layers(0).index(), 1);
  EXPECT_EQ(json.layers(0).weights().values_size(), 24);
  EXPECT_EQ(json.input_gradients().shape(0), 150);
  EXPECT_EQ(json.activations_size(), 1);
  double norm = 0;
  for (const float value : json.layers(0).biases().values()) norm = std::hypot(norm, value);
  const std::string out = MustRun(With("gradients", {"--wrt", "parameters,inputs"}));
  EXPECT_THAT(out, HasSubstr("layer  tensor   shape"));
  EXPECT_THAT(out, ContainsRegex("1  biases +3  " + std::to_string(norm).substr(0, 5)));
  EXPECT_THAT(out, ContainsRegex("petal_length_cm +[0-9.]+\n"));
}

TEST_F(CommandsTest, GradientsTakeARowAndItsAnswer) {
  const auto json = MustRunJson<v1::GetGradientsResponse>(
      {"gradients", "iris", "--row", "5.1,3.5,1.4,0.2", "--answer", "setosa", "--example-norms"});
  EXPECT_EQ(json.weight_sum(), 1);
  EXPECT_EQ(json.example_norms_size(), 1);
}

TEST_F(CommandsTest, CheckComparesWithCentralDifferences) {
  const auto json = MustRunJson<v1::CheckGradientsResponse>(With("check", {"--samples", "20"}));
  EXPECT_EQ(json.samples(), 20);
  EXPECT_LT(json.max_relative_error(), 1e-4);
  EXPECT_THAT(MustRun(With("check")),
              ContainsRegex("largest relative error .* over 67 parameters"));
}

TEST_F(CommandsTest, ModelsAreListedShownAndDeleted) {
  MustRun({"create", "other", "--inputs", "2", "--tag", "team=red"});
  EXPECT_THAT(
      MustRun({"models", "list"}),
      ContainsRegex("model +network .*\nmodels/iris +4-8-3 +67 +[0-9]+ +100  ready\nmodels/other "
                    ".* ready +team=red\n"));
  EXPECT_EQ(MustRunJson<v1::ListModelsResponse>({"models", "list"}).models_size(), 2);
  const auto red =
      MustRunJson<v1::ListModelsResponse>({"models", "list", "--filter", "labels.team = \"red\""});
  ASSERT_EQ(red.models_size(), 1);
  EXPECT_EQ(red.models(0).name(), "models/other");
  EXPECT_THAT(MustRun({"models", "show", "models/other"}), HasSubstr("tags        team=red\n"));
  EXPECT_EQ(MustRunJson<v1::Model>({"models", "show", "iris"}).parameter_count(), 67);
  EXPECT_EQ(MustRun({"models", "delete", "other"}), "deleted models/other\n");
  MustRunJson<google::protobuf::Empty>({"models", "delete", "iris"});
  EXPECT_EQ(MustRunJson<v1::ListModelsResponse>({"models", "list"}).models_size(), 0);
}

TEST_F(CommandsTest, UpdateChangesTagsAndTheLearningRate) {
  EXPECT_THAT(MustRun({"models", "update", "iris", "--tag", "team=red,stage=test"}),
              HasSubstr("tags        stage=test, team=red\n"));
  const auto filtered = [&](const std::string& filter) {
    return MustRunJson<v1::ListModelsResponse>({"models", "list", "--filter", filter})
        .models_size();
  };
  EXPECT_EQ(filtered("labels.team = \"red\" AND labels.stage:*"), 1);
  EXPECT_EQ(filtered("labels.team = \"blue\""), 0);
  const auto slow =
      MustRunJson<v1::Model>({"models", "update", "iris", "--learning-rate", "0.001"});
  EXPECT_EQ(slow.spec().optimizer().learning_rate(), 0.001);
  EXPECT_EQ(slow.labels_size(), 2) << "what is not given stays";
  EXPECT_EQ(MustRunJson<v1::Model>({"models", "update", "iris", "--no-tags"}).labels_size(), 0);
  EXPECT_EQ(Run({"models", "update", "iris"}).code, 2);
  EXPECT_EQ(Run({"models", "update", "iris", "--tag", "a=b", "--no-tags"}).code, 2);
  EXPECT_THAT(Run({"models", "update", "iris", "--no-tags", "--etag", "nonsense"}).error,
              StartsWith("chainrule: ABORTED: "));
}

TEST_F(CommandsTest, DeleteHeedsTheEtag) {
  EXPECT_THAT(Run({"models", "delete", "iris", "--etag", "nonsense"}).error,
              StartsWith("chainrule: ABORTED: "));
  MustRun({"models", "delete", "iris", "--etag", server().Get("iris").etag()});
}

TEST_F(CommandsTest, WeightsThatWereShownCanBeSet) {
  const std::string json = MustRun({"weights", "show", "iris", "--output=json"});
  const TempFile file("w.json", json);
  MustRun(With("train"));
  const auto set = MustRunJson<v1::SetWeightsResponse>(
      {"weights", "set", "iris", file.path(), "--reset-optimizer"});
  EXPECT_EQ(set.model_step(), Step());
  const auto before = MustRunJson<v1::GetWeightsResponse>({"weights", "show", "iris"});
  v1::GetWeightsResponse after;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &after).ok());
  after.set_model_step(before.model_step());
  EXPECT_EQ(before.SerializeAsString(), after.SerializeAsString());
  EXPECT_THAT(MustRun({"weights", "show", "iris"}), HasSubstr("layer  tensor   shape"));
}

TEST_F(CommandsTest, WeightsSetTakesSomeLayersOfAFile) {
  const TempFile file("w.json",
                      R"({"layers": [{"index": 0, "biases": {"shape": ["1"], "values": [1]}},
                                     {"index": 1, "biases": {"shape": ["3"], "values": [1,2,3]}}]})");
  EXPECT_EQ(Run({"weights", "set", "iris", file.path()}).code, 1);
  MustRun({"weights", "set", "iris", file.path(), "--layers", "1"});
  const auto weights =
      MustRunJson<v1::GetWeightsResponse>({"weights", "show", "iris", "--layers", "1"});
  EXPECT_THAT(weights.layers(0).biases().values(), ::testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(Run({"weights", "set", "iris", file.path(), "--layers", "2"}).error,
              HasSubstr("w.json: no layer 2"));
}

TEST_F(CommandsTest, InfoAndHealthAnswer) {
  EXPECT_THAT(MustRun({"info"}), ContainsRegex("max_rows +[0-9]+\n"));
  EXPECT_GT(MustRunJson<v1::GetServerInfoResponse>({"info"}).limits().max_rows(), 0);
  EXPECT_EQ(MustRun({"health"}), "SERVING\n");
  EXPECT_EQ(MustRun({"health", "iris"}), "SERVING\n");
  EXPECT_EQ(MustRun({"health", "chainrule.v1.PredictionService"}), "SERVING\n");
  EXPECT_EQ(MustRunJson<grpc::health::v1::HealthCheckResponse>({"health"}).status(),
            grpc::health::v1::HealthCheckResponse::SERVING);
  ExpectWrong({{"health", "nosuch"}, 1, "NOT_FOUND: there is no model 'models/nosuch'\n"});
  ExpectWrong({{"health", "no.such"}, 1, "NOT_FOUND: service: nothing here is called 'no.such'"});
}

TEST_F(CommandsTest, AFileWithoutRowsIsRefusedByItsName) {
  const std::string header =
      "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm,species\n";
  const TempFile none("none.csv", header);
  const TempFile one("one.csv", header + "5.1,3.5,1.4,0.2,setosa\n");
  for (const char* command : {"train", "evaluate", "gradients", "check"}) {
    const Answer empty = Run({command, "iris", none.path(), "--label", "species"});
    EXPECT_EQ(empty.code, 2);
    EXPECT_THAT(empty.error, HasSubstr("none.csv: no rows\n"));
    const std::string fold = command == std::string("train") ? "0" : "1";
    const Answer folded =
        Run({command, "iris", one.path(), "--label", "species", "--folds", "2", "--fold", fold});
    EXPECT_EQ(folded.code, 2);
    EXPECT_THAT(folded.error, HasSubstr("one.csv: --folds 2 --fold " + fold + " leave no row\n"));
  }
  EXPECT_EQ(
      Run({"predict", "iris", one.path(), "--label", "species", "--folds", "2", "--fold", "1"})
          .code,
      2);
  EXPECT_EQ(MustRunJson<v1::PredictResponse>({"predict", "iris", none.path()}).rows_size(), 0);
}

TEST_F(CommandsTest, FoldsOfTheTrainingRowsLeaveTheValidationFileWhole) {
  MustRun(With("train", {"--folds", "5", "--fold", "4", "--validation", Data("iris.csv")}));
}

TEST_F(CommandsTest, NamesCannotCommandTheTerminal) {
  MustRun({"create", "odd", "--inputs", "1", "--class-names", "\x1b[31mred,line\nend,plain"});
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"models", "show", "odd"},
        {"predict", "odd", "--row", "1", "--top", "3"},
        {"evaluate", "odd", "--row", "1", "--answer", "plain"}}) {
    const std::string out = MustRun(words);
    EXPECT_THAT(out, HasSubstr("\\x1b[31mred"));
    EXPECT_THAT(out, HasSubstr("line\\nend"));
    EXPECT_EQ(out.find('\x1b'), std::string::npos);
  }
  const std::string error = Run({"evaluate", "odd", "--row", "1", "--answer", "blue"}).error;
  EXPECT_THAT(error, HasSubstr("classes: \\x1b[31mred, line\\nend, plain\n"));
  EXPECT_EQ(MustRunJson<v1::Model>({"models", "show", "odd"}).spec().class_names(0), "\x1b[31mred");
}

TEST_F(CommandsTest, WhatDoesNotFitTheModelIsTold) {
  const std::string iris = Data("iris.csv");
  const std::vector<Wrong> table = {
      {{"train", "nosuch", iris, "--label", "species"}, 1, "NOT_FOUND: "},
      {{"predict", "nosuch", "--row", "1"}, 1, "NOT_FOUND: "},
      {{"weights", "show", "nosuch"}, 1, "NOT_FOUND: "},
      {{"models", "delete", "nosuch"}, 1, "NOT_FOUND: "},
      {{"train", "iris"}, 2, "DATA is required (chainrule train --help)"},
      {{"evaluate", "iris"}, 2, "give either a file or --row"},
      {{"train", "iris", iris}, 2, "iris.csv: --label is needed"},
      {{"train", "iris", iris, "--label", "kind"},
       2,
       "iris.csv:1: there is no label column 'kind'"},
      {{"train", "iris", iris, "--label-file", iris}, 2, "iris.csv is no IDX file"},
      {{"train", "iris", Data("wdbc.csv"), "--label", "diagnosis"},
       2,
       "wdbc.csv:1: there is no feature column 'sepal_length_cm'"},
      {{"train", "iris", Data("wdbc.csv"), "--label", "diagnosis", "--by-position"},
       2,
       "wdbc.csv: 30 columns of features, the model takes 4"},
      {{"train", "iris", iris, "--label", "species", "--normalize"}, 1, "FAILED_PRECONDITION: "},
      {{"train", "iris", iris, "--label", "species", "--request-id", "x"}, 1, "INVALID_ARGUMENT: "},
      {{"predict", "iris", "--row", "1,2"}, 2, "--row: 2 numbers for 1 row, the model takes 4"},
      {{"predict", "iris", "--row", "1,2,3,x"}, 2, "--row '1,2,3,x': 'x' is not a number"},
      {{"predict", "iris", iris, "--row", "1,2,3,4"}, 2, "give either a file or --row"},
      {{"predict", "iris", iris, "--folds", "5"}, 2, "--folds needs the labels"},
      {{"evaluate", "iris", iris, "--label", "species", "--folds", "5", "--fold", "5"},
       2,
       "--fold 5 of --folds 5: it counts from 0"},
      {{"evaluate", "iris", "--row", "1,2,3,4"}, 2, "each --row needs an --answer"},
      {{"evaluate", "iris", "--row", "1,2,3,4", "--answer", "rose"},
       2,
       "'rose' is none of the model's classes: setosa, versicolor, virginica"},
      {{"gradients", "iris", iris, "--label", "species", "--layers", "9"}, 1, "INVALID_ARGUMENT: "},
      {{"check", "iris", "no/such.csv", "--label", "species"}, 2, "no/such.csv"}};
  for (const Wrong& wrong : table) EXPECT_EQ(ExpectWrong(wrong).out, "");
}

}  // namespace
}  // namespace chainrule::client
