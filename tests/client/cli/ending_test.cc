// The last layer's activation and the loss that `create` chooses, by what its flags say.
#include <string>
#include <vector>

#include "chainrule/v1/model.pb.h"
#include "tests/client/cli/cli_test_support.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::HasSubstr;

class EndingTest : public CliTest {
 protected:
  // What `create` with these flags would make.
  v1::ModelSpec SpecOf(const std::vector<std::string>& flags) {
    std::vector<std::string> words = {"create", "m", "--validate-only"};
    words.insert(words.end(), flags.begin(), flags.end());
    return MustRunJson<v1::Model>(words).spec();
  }

  void Expect(const std::vector<std::string>& flags, v1::Activation activation, v1::Loss loss) {
    const v1::ModelSpec spec = SpecOf(flags);
    EXPECT_EQ(spec.layers().rbegin()->activation(), activation) << ::testing::PrintToString(flags);
    EXPECT_EQ(spec.loss(), loss) << ::testing::PrintToString(flags);
  }
};

TEST_F(EndingTest, TheLossImpliesTheActivation) {
  const std::vector<std::string> shape = {"--inputs", "2", "--hidden", "4", "--outputs", "3"};
  const auto with = [&](const std::string& loss) {
    std::vector<std::string> flags = shape;
    flags.insert(flags.end(), {"--loss", loss});
    return flags;
  };
  Expect(with("categorical_cross_entropy"), v1::ACTIVATION_SOFTMAX,
         v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
  Expect(with("binary_cross_entropy"), v1::ACTIVATION_SIGMOID, v1::LOSS_BINARY_CROSS_ENTROPY);
  Expect(with("mean_squared_error"), v1::ACTIVATION_IDENTITY, v1::LOSS_MEAN_SQUARED_ERROR);
  Expect(with("huber"), v1::ACTIVATION_IDENTITY, v1::LOSS_HUBER);
  Expect(shape, v1::ACTIVATION_SIGMOID, v1::LOSS_BINARY_CROSS_ENTROPY);
}

TEST_F(EndingTest, TheActivationImpliesTheLoss) {
  const auto with = [](const std::string& activation) {
    return std::vector<std::string>{"--inputs", "2", "--outputs", "3", "--output-activation",
                                    activation};
  };
  Expect(with("softmax"), v1::ACTIVATION_SOFTMAX, v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
  Expect(with("sigmoid"), v1::ACTIVATION_SIGMOID, v1::LOSS_BINARY_CROSS_ENTROPY);
  Expect(with("tanh"), v1::ACTIVATION_TANH, v1::LOSS_MEAN_SQUARED_ERROR);
}

TEST_F(EndingTest, WhatIsSaidOfBothIsTaken) {
  const auto with = [](const std::string& activation, const std::string& loss) {
    return std::vector<std::string>{"--inputs", "2",      "--output-activation",
                                    activation, "--loss", loss};
  };
  Expect(with("tanh", "huber"), v1::ACTIVATION_TANH, v1::LOSS_HUBER);
  Expect(with("sigmoid", "mean_squared_error"), v1::ACTIVATION_SIGMOID,
         v1::LOSS_MEAN_SQUARED_ERROR);
  Expect({"--inputs", "2", "--regression", "--output-activation", "softplus"},
         v1::ACTIVATION_SOFTPLUS, v1::LOSS_MEAN_SQUARED_ERROR);
}

TEST_F(EndingTest, FlagsChangeASpecOnlyAsFarAsTheyMust) {
  const TempFile file("spec.json", R"({"input_width": 2, "loss": "LOSS_HUBER",
      "layers": [{"units": 3, "activation": "ACTIVATION_TANH"}]})");
  const std::vector<std::string> spec = {"--spec", file.path()};
  const auto with = [&](const std::string& flag, const std::string& value) {
    return std::vector<std::string>{"--spec", file.path(), flag, value};
  };
  Expect(spec, v1::ACTIVATION_TANH, v1::LOSS_HUBER);
  Expect(with("--loss", "mean_squared_error"), v1::ACTIVATION_TANH, v1::LOSS_MEAN_SQUARED_ERROR);
  Expect(with("--output-activation", "relu"), v1::ACTIVATION_RELU, v1::LOSS_HUBER);
  Expect(with("--output-activation", "softmax"), v1::ACTIVATION_SOFTMAX,
         v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
  Expect(with("--outputs", "2"), v1::ACTIVATION_IDENTITY, v1::LOSS_HUBER);
}

TEST_F(EndingTest, ALossOfNumbersTakesTheLabelsAsNumbers) {
  const std::vector<std::string> data = {"--from", Data("diabetes.csv"), "--label", "progression"};
  const std::vector<std::vector<std::string>> flags = {
      {"--loss", "huber"}, {"--loss", "mean_squared_error"}, {"--output-activation", "identity"}};
  for (std::vector<std::string> words : flags) {
    words.insert(words.begin(), data.begin(), data.end());
    const v1::ModelSpec spec = SpecOf(words);
    EXPECT_EQ(spec.layers().rbegin()->activation(), v1::ACTIVATION_IDENTITY);
    EXPECT_THAT(spec.target_names(), ::testing::ElementsAre("progression"));
    EXPECT_EQ(spec.class_names_size(), 0);
  }
}

TEST_F(EndingTest, TwoClassesOfASoftmaxAreTwoUnits) {
  for (const auto& [flag, value] :
       {std::pair{"--output-activation", "softmax"}, {"--loss", "categorical_cross_entropy"}}) {
    const v1::ModelSpec spec =
        SpecOf({"--from", Data("wdbc.csv"), "--label", "diagnosis", flag, value});
    EXPECT_EQ(spec.layers().rbegin()->units(), 2);
    EXPECT_EQ(spec.loss(), v1::LOSS_CATEGORICAL_CROSS_ENTROPY);
  }
}

TEST_F(EndingTest, ContradictionsNameTheirTwoFlags) {
  struct Pair {
    std::vector<std::string> flags;
    std::string says;
  };
  const std::vector<Pair> table = {
      {{"--loss", "categorical_cross_entropy", "--output-activation", "tanh"},
       "--loss categorical_cross_entropy does not go with --output-activation tanh; it goes with "
       "softmax\n"},
      {{"--loss", "binary_cross_entropy", "--output-activation", "identity"},
       "--loss binary_cross_entropy does not go with --output-activation identity"},
      {{"--loss", "huber", "--output-activation", "softmax"},
       "--loss huber does not go with --output-activation softmax"},
      {{"--regression", "--loss", "binary_cross_entropy"},
       "--regression does not go with --loss binary_cross_entropy; it goes with "
       "mean_squared_error and huber\n"},
      {{"--regression", "--output-activation", "softmax"},
       "--regression does not go with --output-activation softmax"},
      {{"--multi-label", "--loss", "huber"}, "--multi-label does not go with --loss huber"},
      {{"--multi-label", "--output-activation", "softmax"},
       "--multi-label does not go with --output-activation softmax"},
      {{"--regression", "--multi-label"}, "--regression does not go with --multi-label\n"}};
  for (const Pair& pair : table) {
    std::vector<std::string> words = {"create", "m", "--inputs", "2"};
    words.insert(words.end(), pair.flags.begin(), pair.flags.end());
    const Answer answer = Run(words);
    EXPECT_EQ(answer.code, 2) << answer.error;
    EXPECT_THAT(answer.error, HasSubstr(pair.says));
  }
}

}  // namespace
}  // namespace chainrule::client
