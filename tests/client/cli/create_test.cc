#include <string>

#include "chainrule/v1/model.pb.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(CliTest, CreateWritesWhatTheFlagsSay) {
  const auto model = MustRunJson<v1::Model>({"create",
                                             "m",
                                             "--inputs",
                                             "3",
                                             "--hidden",
                                             "8,4",
                                             "--outputs",
                                             "2",
                                             "--activation",
                                             "relu",
                                             "--output-activation",
                                             "identity",
                                             "--loss",
                                             "huber",
                                             "--huber-delta",
                                             "2",
                                             "--seed",
                                             "7",
                                             "--initializer",
                                             "he_normal",
                                             "--dropout",
                                             "0.25",
                                             "--l1",
                                             "0.5",
                                             "--l2",
                                             "0.125",
                                             "--target-names",
                                             "x,y",
                                             "--feature-names",
                                             "a,b,c",
                                             "--tag",
                                             "team=red"});
  EXPECT_EQ(model.name(), "models/m");
  EXPECT_EQ(model.labels().at("team"), "red");
  const v1::ModelSpec& spec = model.spec();
  EXPECT_EQ(spec.input_width(), 3);
  ASSERT_EQ(spec.layers_size(), 3);
  EXPECT_EQ(spec.layers(0).units(), 8);
  EXPECT_EQ(spec.layers(1).units(), 4);
  EXPECT_EQ(spec.layers(2).units(), 2);
  EXPECT_EQ(spec.layers(1).activation(), v1::ACTIVATION_RELU);
  EXPECT_EQ(spec.layers(2).activation(), v1::ACTIVATION_IDENTITY);
  EXPECT_EQ(spec.layers(0).dropout(), 0.25);
  EXPECT_EQ(spec.layers(2).dropout(), 0);
  EXPECT_EQ(spec.layers(2).l1(), 0.5);
  EXPECT_EQ(spec.layers(0).l2(), 0.125);
  EXPECT_EQ(spec.layers(0).initializer(), v1::INITIALIZER_HE_NORMAL);
  EXPECT_EQ(spec.loss(), v1::LOSS_HUBER);
  EXPECT_EQ(spec.huber_delta(), 2);
  EXPECT_EQ(spec.seed(), 7);
  EXPECT_THAT(spec.target_names(), ElementsAre("x", "y"));
  EXPECT_THAT(spec.feature_names(), ElementsAre("a", "b", "c"));
}

TEST_F(CliTest, CreatesFlagsComeOnTopOfASpec) {
  const TempFile file("spec.json", R"({"input_width": 4, "layers": [
      {"units": 5, "activation": "ACTIVATION_TANH", "l1": 0.25},
      {"units": 1, "activation": "ACTIVATION_SIGMOID"}]})");
  const auto spec = MustRunJson<v1::Model>({"create", "m", "--spec", file.path(), "--dropout",
                                            "0.5", "--l2", "0.125", "--activation", "relu",
                                            "--initializer", "he_normal", "--regression"})
                        .spec();
  ASSERT_EQ(spec.layers_size(), 2);
  EXPECT_EQ(spec.layers(0).units(), 5);
  EXPECT_EQ(spec.layers(0).activation(), v1::ACTIVATION_RELU);
  EXPECT_EQ(spec.layers(0).dropout(), 0.5);
  EXPECT_EQ(spec.layers(0).l1(), 0.25);
  EXPECT_EQ(spec.layers(1).l2(), 0.125);
  EXPECT_EQ(spec.layers(1).initializer(), v1::INITIALIZER_HE_NORMAL);
  EXPECT_EQ(spec.layers(1).activation(), v1::ACTIVATION_IDENTITY);
  EXPECT_EQ(spec.loss(), v1::LOSS_MEAN_SQUARED_ERROR);
}

TEST_F(CliTest, CreateRefusesFlagsThatWouldChangeNothing) {
  for (const auto& [flag, value] : {std::pair{"--dropout", "0.5"}, {"--activation", "relu"}}) {
    const Answer answer = Run({"create", "m", "--inputs", "3", flag, value});
    EXPECT_EQ(answer.code, 2);
    EXPECT_THAT(answer.error, HasSubstr(std::string(flag) + ": there is no hidden layer"));
  }
  EXPECT_THAT(Run({"create", "m", "--inputs", "3", "--hidden", "4", "--leaky-slope", "0.5"}).error,
              HasSubstr("--leaky-slope: no layer is leaky_relu"));
}

TEST_F(CliTest, CreateWritesTheOptimizerAndItsSchedule) {
  const auto spec =
      MustRunJson<v1::Model>(
          {"create",           "m",    "--inputs",       "3",      "--optimizer",       "adamw",
           "--beta1",          "0.5",  "--beta2",        "0.75",   "--epsilon",         "0.001",
           "--learning-rate",  "0.25", "--weight-decay", "0.5",    "--clip-norm",       "2",
           "--clip-value",     "3",    "--schedule",     "cosine", "--schedule-period", "10",
           "--schedule-floor", "0.5",  "--warmup",       "4"})
          .spec();
  const v1::Optimizer& optimizer = spec.optimizer();
  ASSERT_TRUE(optimizer.has_adamw());
  EXPECT_EQ(optimizer.adamw().beta1(), 0.5);
  EXPECT_EQ(optimizer.adamw().beta2(), 0.75);
  EXPECT_EQ(optimizer.adamw().epsilon(), 0.001);
  EXPECT_EQ(optimizer.learning_rate(), 0.25);
  EXPECT_EQ(optimizer.weight_decay(), 0.5);
  EXPECT_EQ(optimizer.clip_norm(), 2);
  EXPECT_EQ(optimizer.clip_value(), 3);
  ASSERT_TRUE(optimizer.schedule().has_cosine());
  EXPECT_EQ(optimizer.schedule().cosine().period_steps(), 10);
  EXPECT_EQ(optimizer.schedule().cosine().floor(), 0.5);
  EXPECT_EQ(optimizer.schedule().warmup_steps(), 4);
}

TEST_F(CliTest, CreateKnowsEveryOptimizerAndSchedule) {
  const auto optimizer_of = [this](const std::vector<std::string>& flags) {
    std::vector<std::string> words = {"create", "m", "--inputs", "1", "--validate-only"};
    words.insert(words.end(), flags.begin(), flags.end());
    return MustRunJson<v1::Model>(words).spec().optimizer();
  };
  EXPECT_TRUE(optimizer_of({"--momentum", "0.5", "--nesterov"}).sgd().nesterov());
  EXPECT_TRUE(optimizer_of({"--optimizer", "adam"}).has_adam());
  EXPECT_EQ(optimizer_of({"--optimizer", "rmsprop", "--rho", "0.5"}).rmsprop().rho(), 0.5);
  EXPECT_TRUE(optimizer_of({"--optimizer", "adagrad"}).has_adagrad());
  const auto schedule_of = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), "--schedule");
    return optimizer_of(flags).schedule();
  };
  EXPECT_TRUE(schedule_of({"constant"}).has_constant());
  EXPECT_EQ(schedule_of({"step", "--schedule-period", "5"}).step().period_steps(), 5);
  EXPECT_EQ(schedule_of({"exponential", "--schedule-gamma", "0.5"}).exponential().gamma(), 0.5);
  EXPECT_EQ(schedule_of({"inverse_time", "--schedule-decay", "2"}).inverse_time().decay(), 2);
}

TEST_F(CliTest, TwoClassesMakeOneSigmoidUnit) {
  const auto spec = MustRunJson<v1::Model>({"create", "m", "--from", Data("wdbc.csv"), "--label",
                                            "diagnosis", "--hidden", "16"})
                        .spec();
  EXPECT_EQ(spec.input_width(), 30);
  EXPECT_EQ(spec.feature_names(0), "mean_radius");
  EXPECT_THAT(spec.class_names(), ElementsAre("benign", "malignant"));
  ASSERT_EQ(spec.layers_size(), 2);
  EXPECT_EQ(spec.layers(1).units(), 1);
  EXPECT_EQ(spec.layers(1).activation(), v1::ACTIVATION_SIGMOID);
  EXPECT_EQ(spec.loss(), v1::LOSS_BINARY_CROSS_ENTROPY);
}

TEST_F(CliTest, MoreClassesMakeASoftmax) {
  const auto spec =
      MustRunJson<v1::Model>({"create", "m", "--from", Data("iris.csv"), "--label", "species"})
          .spec();
  EXPECT_EQ(spec.class_names_size(), 3);
  ASSERT_EQ(spec.layers_size(), 1);
  EXPECT_EQ(spec.layers(0).units(), 3);
  EXPECT_EQ(spec.layers(0).activation(), v1::ACTIVATION_SOFTMAX);
  EXPECT_EQ(spec.loss(), v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
}

TEST_F(CliTest, NumbersMakeAnIdentityWithSquaredError) {
  const auto spec = MustRunJson<v1::Model>({"create", "m", "--from", Data("diabetes.csv"),
                                            "--label", "progression", "--regression"})
                        .spec();
  EXPECT_EQ(spec.input_width(), 10);
  EXPECT_EQ(spec.layers(0).activation(), v1::ACTIVATION_IDENTITY);
  EXPECT_EQ(spec.loss(), v1::LOSS_MEAN_SQUARED_ERROR);
  EXPECT_THAT(spec.target_names(), ElementsAre("progression"));
  EXPECT_EQ(spec.class_names_size(), 0);
}

TEST_F(CliTest, SeveralLabelColumnsMakeSeveralOutputs) {
  const TempFile file("t.csv", "a,x,y\n1,0,1\n");
  const auto spec = MustRunJson<v1::Model>(
                        {"create", "m", "--from", file.path(), "--label", "x,y", "--multi-label"})
                        .spec();
  EXPECT_EQ(spec.input_width(), 1);
  EXPECT_EQ(spec.layers(0).units(), 2);
  EXPECT_TRUE(spec.multi_label());
}

TEST_F(CliTest, CreateTakesASpecAndFlagsOnTopOfIt) {
  const TempFile file("s.json",
                      R"({"input_width": 2, "layers": [{"units": 5}, {"units": 1}], "seed": "3"})");
  const auto spec =
      MustRunJson<v1::Model>({"create", "m", "--spec", file.path(), "--optimizer", "adam"}).spec();
  EXPECT_EQ(spec.layers(0).units(), 5);
  EXPECT_EQ(spec.seed(), 3);
  EXPECT_TRUE(spec.optimizer().has_adam());
}

TEST_F(CliTest, ValidateOnlyCreatesNothing) {
  const std::string out =
      MustRun({"create", "m", "--inputs", "3", "--hidden", "4", "--validate-only"});
  EXPECT_THAT(out, HasSubstr("parameters  21\n"));
  EXPECT_EQ(Run({"models", "show", "m"}).code, 1);
}

TEST_F(CliTest, CreateTellsWhatTheServerRefuses) {
  const Answer name = Run({"create", "Capital", "--inputs", "3"});
  EXPECT_EQ(name.code, 1);
  EXPECT_THAT(name.error, ::testing::StartsWith("chainrule: INVALID_ARGUMENT: model_id"));
  const Answer twice =
      Run({"create", "m", "--inputs", "3", "--dropout", "2", "--hidden", "1", "--l1", "-1"});
  EXPECT_EQ(twice.code, 1);
  EXPECT_THAT(twice.error, HasSubstr("dropout"));
  EXPECT_THAT(twice.error, HasSubstr("\n  model.spec.layers[0].l1: "));
  MustRun({"create", "m", "--inputs", "3"});
  EXPECT_THAT(Run({"create", "m", "--inputs", "3"}).error,
              ::testing::StartsWith("chainrule: ALREADY_EXISTS: "));
}

}  // namespace
}  // namespace chainrule::client
