#include "server/convert/spec.h"

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "server/convert/enums.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr char kSeed[] = "input_width: 2 layers { units: 3 } layers { units: 1 } ";

absl::StatusOr<ResolvedSpec> Read(const std::string& text, const Limits& limits = {}) {
  return ReadSpec(FromText<v1::ModelSpec>(text), limits);
}

v1::ModelSpec Resolve(const std::string& text) {
  const auto resolved = Read(text);
  EXPECT_TRUE(resolved.ok()) << text << resolved.status();
  v1::ModelSpec spec;
  if (resolved.ok()) WriteSpec(*resolved->settings, resolved->normalization, &spec);
  return spec;
}

TEST(SpecTest, UnsetMeansTheSeedNetwork) {
  const v1::ModelSpec expected = FromText<v1::ModelSpec>(R"(
    input_width: 2
    layers { units: 3 activation: ACTIVATION_SIGMOID initializer: INITIALIZER_XAVIER_UNIFORM }
    layers { units: 1 activation: ACTIVATION_SIGMOID initializer: INITIALIZER_XAVIER_UNIFORM }
    loss: LOSS_BINARY_CROSS_ENTROPY
    optimizer { sgd {} learning_rate: 0.1 weight_decay: 0 schedule { constant {} } }
    input_name: "input" output_name: "output")");
  EXPECT_TRUE(MessageDifferencer::Equals(Resolve(kSeed), expected)) << Resolve(kSeed).DebugString();
}

struct Default {
  std::string optimizer;
  std::string resolved;
};

TEST(SpecTest, FillsInEachOptimizersDefaults) {
  const std::vector<Default> defaults = {
      {"adam {}",
       "adam { beta1: 0.9 beta2: 0.999 epsilon: 1e-8 } learning_rate: 0.001 "
       "weight_decay: 0"},
      {"adamw {}",
       "adamw { beta1: 0.9 beta2: 0.999 epsilon: 1e-8 } learning_rate: 0.001 "
       "weight_decay: 0.01"},
      {"rmsprop {}", "rmsprop { rho: 0.99 epsilon: 1e-8 } learning_rate: 0.001 weight_decay: 0"},
      {"adagrad {}", "adagrad { epsilon: 1e-10 } learning_rate: 0.01 weight_decay: 0"},
      {"adamw {} weight_decay: 0",
       "adamw { beta1: 0.9 beta2: 0.999 epsilon: 1e-8 } learning_rate: 0.001 weight_decay: 0"}};
  for (const Default& one : defaults) {
    const auto spec = Resolve(absl::StrCat(kSeed, "optimizer { ", one.optimizer, "}"));
    const auto expected =
        FromText<v1::Optimizer>(absl::StrCat(one.resolved, " schedule { constant {} }"));
    EXPECT_TRUE(MessageDifferencer::Equals(spec.optimizer(), expected)) << spec.DebugString();
  }
}

TEST(SpecTest, FillsInEachSchedulesDefaults) {
  const std::vector<Default> defaults = {
      {"step { period_steps: 5 }", "step { period_steps: 5 gamma: 0.1 }"},
      {"exponential { gamma: 0.5 }", "exponential { period_steps: 1 gamma: 0.5 }"},
      {"cosine { period_steps: 7 }", "cosine { period_steps: 7 }"},
      {"inverse_time { decay: 2 } warmup_steps: 3",
       "inverse_time { period_steps: 1 decay: 2 } warmup_steps: 3"},
      {"warmup_steps: 3", "constant {} warmup_steps: 3"}};
  for (const Default& one : defaults) {
    const auto spec = Resolve(absl::StrCat(kSeed, "optimizer { schedule { ", one.optimizer, "}}"));
    EXPECT_TRUE(MessageDifferencer::Equals(spec.optimizer().schedule(),
                                           FromText<v1::Schedule>(one.resolved)))
        << spec.DebugString();
  }
}

TEST(SpecTest, ChoosesTheInitializerByTheActivation) {
  for (const std::string name : {"RELU", "LEAKY_RELU", "GELU", "SOFTPLUS"}) {
    const auto spec =
        Resolve(absl::StrCat("input_width: 1 layers { units: 1 activation: ACTIVATION_", name, "}",
                             "layers { units: 1 }"));
    EXPECT_EQ(spec.layers(0).initializer(), v1::INITIALIZER_HE_UNIFORM) << name;
  }
  const auto spec = Resolve(
      "input_width: 1 layers { units: 1 activation: ACTIVATION_TANH }"
      "layers { units: 1 }");
  EXPECT_EQ(spec.layers(0).initializer(), v1::INITIALIZER_XAVIER_UNIFORM);
}

TEST(SpecTest, GivesBackEveryFieldAsItWasSent) {
  const std::vector<std::string> specs = {
      R"(input_width: 2
         layers { units: 3 activation: ACTIVATION_LEAKY_RELU initializer: INITIALIZER_HE_NORMAL
                  dropout: 0.1 l1: 0.001 l2: 0.3 leaky_slope: 0.2 }
         layers { units: 2 activation: ACTIVATION_IDENTITY initializer: INITIALIZER_ZEROS }
         loss: LOSS_HUBER huber_delta: 1.35
         optimizer { sgd { momentum: 0.9 nesterov: true } learning_rate: 0.123456789012345
                     weight_decay: 0.01 clip_value: 1.5 clip_norm: 2.5
                     schedule { cosine { period_steps: 100 floor: 0.01 } warmup_steps: 10 } }
         seed: -7 feature_names: "x" feature_names: "y" target_names: "u" target_names: "v"
         normalization { mean: 1 mean: 2 scale: 3 scale: 4 }
         target_normalization { mean: 5 mean: 6 scale: 7 scale: 8 }
         input_name: "in" output_name: "out")",
      R"(input_width: 2 layers { units: 1 activation: ACTIVATION_SIGMOID
                                 initializer: INITIALIZER_XAVIER_NORMAL }
         loss: LOSS_BINARY_CROSS_ENTROPY class_names: "no" class_names: "yes"
         optimizer { rmsprop { rho: 0.9 epsilon: 1e-6 momentum: 0.5 } learning_rate: 0.01
                     weight_decay: 0 schedule { step { period_steps: 3 gamma: 0.3 } } }
         input_name: "input" output_name: "output")"};
  for (const std::string& text : specs) {
    EXPECT_TRUE(MessageDifferencer::Equals(Resolve(text), FromText<v1::ModelSpec>(text)))
        << Resolve(text).DebugString();
  }
}

TEST(SpecTest, WritesEveryActivationLossAndInitializerAsItReadsIt) {
  for (int i = v1::Activation_MIN + 1; i <= v1::Activation_MAX; ++i) {
    EXPECT_EQ(WriteActivation(*ReadActivation(static_cast<v1::Activation>(i))), i);
  }
  for (int i = v1::Loss_MIN + 1; i <= v1::Loss_MAX; ++i) {
    EXPECT_EQ(WriteLoss(*ReadLoss(static_cast<v1::Loss>(i))), i);
  }
  for (int i = v1::Initializer_MIN + 1; i <= v1::Initializer_MAX; ++i) {
    const auto kind = ReadInitializer(static_cast<v1::Initializer>(i), engine::Activation::kRelu);
    EXPECT_EQ(WriteInitializer(*kind), i);
  }
}

struct Refusal {
  std::string spec;  // beside the seed network
  std::string field;
  std::string text;
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.spec << " → " << refusal.field;
}

class SpecRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(SpecRefusalTest, NamesTheFieldTheValueAndWhatIsAllowed) {
  ExpectRefused(Read(GetParam().spec).status(), absl::StrCat("model.spec.", GetParam().field),
                GetParam().text);
}

std::string Seed(const std::string& more) { return absl::StrCat(kSeed, more); }
std::string Layer(const std::string& layer) {
  return absl::StrCat("input_width: 2 layers { ", layer, " } layers { units: 1 }");
}
std::string Last(const std::string& layer) {
  return absl::StrCat("input_width: 2 layers { units: 4 } layers { ", layer, " }");
}
std::string Optimizer(const std::string& text) {
  return absl::StrCat(kSeed, "optimizer {", text, "}");
}
std::string Schedule(const std::string& text) {
  return Optimizer(absl::StrCat("schedule {", text, "}"));
}
std::string Regression(const std::string& more) { return absl::StrCat(kRegression, " ", more); }

INSTANTIATE_TEST_SUITE_P(
    Layers, SpecRefusalTest,
    testing::Values(
        Refusal{"layers { units: 1 }", "input_width", "0; must be 1 or more"},
        Refusal{"input_width: -1 layers { units: 1 }", "input_width", "-1; must be 1 or more"},
        Refusal{"input_width: 1", "layers", "none; at least one"},
        Refusal{Layer(""), "layers[0].units", "0; must be 1 or more"},
        Refusal{Last("units: -5"), "layers[1].units", "-5; must be 1 or more"},
        Refusal{Layer("units: 1 activation: 99"), "layers[0].activation", "99; "},
        Refusal{Layer("units: 1 initializer: -1"), "layers[0].initializer", "-1; "},
        Refusal{Layer("units: 1 dropout: 1"), "layers[0].dropout", "1; must be in [0, 1)"},
        Refusal{Layer("units: 1 dropout: 0.999999999999"), "layers[0].dropout", "as float32"},
        Refusal{Layer("units: 1 dropout: -0.1"), "layers[0].dropout", "-0.1; must be in [0, 1)"},
        Refusal{Layer("units: 1 dropout: nan"), "layers[0].dropout", "nan; must be in [0, 1)"},
        Refusal{Last("units: 1 dropout: 0.5"), "layers[1].dropout", "0.5; must be 0 in the last"},
        Refusal{Layer("units: 1 l1: -1"), "layers[0].l1", "-1; must be finite and 0 or more"},
        Refusal{Layer("units: 1 l2: inf"), "layers[0].l2", "inf; must be finite"},
        Refusal{Layer("units: 1 l2: 1e300"), "layers[0].l2",
                "1e+300; must be finite and 0 or "
                "more as float32"},
        Refusal{Layer("units: 1 activation: ACTIVATION_LEAKY_RELU leaky_slope: 1.5"),
                "layers[0].leaky_slope", "1.5; must be in [0, 1]"},
        Refusal{Layer("units: 1 leaky_slope: 0.1"), "layers[0].leaky_slope",
                "only ACTIVATION_LEAKY_RELU"},
        Refusal{Layer("units: 3 activation: ACTIVATION_SOFTMAX"), "layers[0].activation",
                "last layer only"},
        Refusal{Last("units: 1 activation: ACTIVATION_SOFTMAX") +
                    "loss: LOSS_CATEGORICAL_CROSS_ENTROPY",
                "layers[1].units", "1; must be 2 or more"}));

INSTANTIATE_TEST_SUITE_P(
    Losses, SpecRefusalTest,
    testing::Values(
        Refusal{Seed("loss: 77"), "loss", "77; "},
        Refusal{Seed("loss: LOSS_CATEGORICAL_CROSS_ENTROPY"), "loss",
                "must be ACTIVATION_SOFTMAX, it is ACTIVATION_SIGMOID"},
        Refusal{Last("units: 3 activation: ACTIVATION_SOFTMAX"), "loss",
                "LOSS_BINARY_CROSS_ENTROPY; the last layer's activation must be ACTIVATION_SIG"},
        Refusal{Last("units: 3 activation: ACTIVATION_SOFTMAX") + "loss: LOSS_HUBER", "loss",
                "another than ACTIVATION_SOFTMAX"},
        Refusal{Seed("huber_delta: 2"), "huber_delta", "only LOSS_HUBER"},
        Refusal{Seed("loss: LOSS_HUBER huber_delta: 0"), "huber_delta", "0; must be finite and a"},
        Refusal{Seed("loss: LOSS_HUBER huber_delta: 1e-60"), "huber_delta", "as float32"},
        Refusal{Seed("loss: LOSS_HUBER huber_delta: nan"), "huber_delta", "nan; "},
        Refusal{Regression("multi_label: true"), "multi_label", "LOSS_BINARY_CROSS_ENTROPY"}));

INSTANTIATE_TEST_SUITE_P(
    Optimizers, SpecRefusalTest,
    testing::Values(
        Refusal{Optimizer("learning_rate: 0"), "optimizer.learning_rate", "0; must be finite and"},
        Refusal{Optimizer("learning_rate: -1"), "optimizer.learning_rate", "-1; must be"},
        Refusal{Optimizer("learning_rate: nan"), "optimizer.learning_rate", "nan; must be"},
        Refusal{Optimizer("learning_rate: 1e-60"), "optimizer.learning_rate", "as float32"},
        Refusal{Optimizer("sgd { momentum: 1 }"), "optimizer.sgd.momentum", "1; must be in [0, 1)"},
        Refusal{Optimizer("sgd { nesterov: true }"), "optimizer.sgd.nesterov", "momentum above 0"},
        Refusal{Optimizer("adam { beta1: 1 }"), "optimizer.adam.beta1", "1; must be in [0, 1)"},
        Refusal{Optimizer("adam { beta2: -0.5 }"), "optimizer.adam.beta2", "-0.5; must be"},
        Refusal{Optimizer("adam { epsilon: 0 }"), "optimizer.adam.epsilon", "0; must be"},
        Refusal{Optimizer("adamw { beta2: nan }"), "optimizer.adamw.beta2", "nan; must be"},
        Refusal{Optimizer("rmsprop { rho: 2 }"), "optimizer.rmsprop.rho", "2; must be"},
        Refusal{Optimizer("rmsprop { momentum: 1 }"), "optimizer.rmsprop.momentum", "1; must be"},
        Refusal{Optimizer("rmsprop { epsilon: -1 }"), "optimizer.rmsprop.epsilon", "-1; must be"},
        Refusal{Optimizer("adagrad { epsilon: inf }"), "optimizer.adagrad.epsilon", "inf; must be"},
        Refusal{Optimizer("weight_decay: -1"), "optimizer.weight_decay", "-1; must be"},
        Refusal{Optimizer("clip_value: 0"), "optimizer.clip_value", "0; must be"},
        Refusal{Optimizer("clip_norm: inf"), "optimizer.clip_norm", "inf; must be"},
        Refusal{Schedule("warmup_steps: -1"), "optimizer.schedule.warmup_steps", "-1; must be 0"},
        Refusal{Schedule("step {}"), "optimizer.schedule.step.period_steps", "0; must be 1"},
        Refusal{Schedule("step { period_steps: 1 gamma: 0 }"), "optimizer.schedule.step.gamma",
                "0; must be in (0, 1]"},
        Refusal{Schedule("exponential {}"), "optimizer.schedule.exponential.gamma",
                "0; must be in (0, 1]"},
        Refusal{Schedule("exponential { period_steps: -2 gamma: 1 }"),
                "optimizer.schedule.exponential.period_steps", "-2; must be 1 or more"},
        Refusal{Schedule("cosine {}"), "optimizer.schedule.cosine.period_steps", "0; must be 1"},
        Refusal{Schedule("cosine { period_steps: 1 floor: 1.1 }"),
                "optimizer.schedule.cosine.floor", "1.1; must be in [0, 1]"},
        Refusal{Schedule("inverse_time {}"), "optimizer.schedule.inverse_time.decay", "0; must be"},
        Refusal{Schedule("inverse_time { decay: nan }"), "optimizer.schedule.inverse_time.decay",
                "nan; must be"}));

INSTANTIATE_TEST_SUITE_P(
    NamesAndNormalization, SpecRefusalTest,
    testing::Values(
        Refusal{Seed("feature_names: 'x'"), "feature_names",
                "1 names; must be none or one for "
                "each of 2 input columns"},
        Refusal{Seed("feature_names: 'x' feature_names: 'x'"), "feature_names[1]",
                "'x'; must differ from [0]"},
        Refusal{Seed("feature_names: 'x' feature_names: ''"), "feature_names[1]", "empty"},
        Refusal{Seed("class_names: 'x'"), "class_names", "each of 2 classes"},
        Refusal{Seed("class_names: 'x' class_names: 'x'"), "class_names[1]", "must differ"},
        Refusal{Regression("class_names: 'x'"), "class_names", "regression"},
        Refusal{std::string(kLabels) + "class_names: 'x'", "class_names", "target_names"},
        Refusal{Seed("target_names: 'x'"), "target_names", "class_names"},
        Refusal{Regression("target_names: 'x' target_names: 'y'"), "target_names",
                "each of 1 outputs"},
        Refusal{Seed("normalization {}"), "normalization.mean", "0 entries; must be 2"},
        Refusal{Seed("normalization { mean: 1 mean: 2 scale: 1 }"), "normalization.scale",
                "1 entries; must be 2"},
        Refusal{Seed("normalization { mean: 1 mean: nan scale: 1 scale: 1 }"),
                "normalization.mean[1]", "nan; must be finite"},
        Refusal{Seed("normalization { mean: 1 mean: 2 scale: 0 scale: 1 }"),
                "normalization.scale[0]", "0; must be finite and at least 1.17549435e-38"},
        Refusal{Seed("normalization { mean: 1 mean: 2 scale: inf scale: 1 }"),
                "normalization.scale[0]", "inf; must be finite and at least 1.17549435e-38"},
        Refusal{Seed("target_normalization { mean: 0 scale: 1 }"), "target_normalization",
                "only regression"},
        Refusal{Regression("target_normalization { mean: 0 mean: 1 scale: 1 }"),
                "target_normalization.mean", "2 entries; must be 1"}));

TEST(SpecTest, ReportsAllViolationsAtOnce) {
  const absl::Status status =
      Read("input_width: 0 layers { units: 0 } loss: 9 optimizer { learning_rate: 0 }").status();
  std::vector<std::string> fields;
  for (const auto& violation : engine::GetErrorDetail(status).violations) {
    fields.push_back(violation.field);
  }
  EXPECT_EQ(fields,
            (std::vector<std::string>{"model.spec.input_width", "model.spec.layers[0].units",
                                      "model.spec.loss", "model.spec.optimizer.learning_rate"}));
}

TEST(SpecTest, RefusesMoreLayersThanTheLimit) {
  Limits limits;
  limits.max_layers = 1;
  ExpectRefused(Read(kSeed, limits).status(), "model.spec.layers", "2 exceeds max_layers of 1",
                "LIMIT_EXCEEDED");
}

TEST(SpecTest, RefusesMoreParametersThanTheLimitAndThanCanBeCounted) {
  Limits limits;
  limits.max_parameters = 13;  // 2·3 + 3 + 3·1 + 1
  EXPECT_TRUE(Read(kSeed, limits).ok());
  limits.max_parameters = 12;
  ExpectRefused(Read(kSeed, limits).status(), "model.spec.layers",
                "13 exceeds max_parameters of 12", "LIMIT_EXCEEDED");
  for (const std::string width : {"9223372036854775807", "4611686018427387904", "4294967296"}) {
    const std::string text = absl::StrCat("input_width: ", width, " layers { units: ", width,
                                          " } layers { units: ", width, "}");
    ExpectRefused(Read(text).status(), "model.spec.input_width",
                  absl::StrCat(width, " exceeds max_parameters"), "LIMIT_EXCEEDED");
  }
}

TEST(SpecTest, HoldsNamesToTheirLengthInErrors) {
  const std::string name(100'000, 'n');
  const absl::Status status =
      Read(Seed(absl::StrCat("feature_names: '", name, "' feature_names: '", name, "'"))).status();
  EXPECT_LT(status.message().size(), 300U);
}

}  // namespace
}  // namespace chainrule::server
