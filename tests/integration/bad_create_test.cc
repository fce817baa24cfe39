// Models that CreateModel refuses, field by field.
#include "absl/strings/str_cat.h"
#include "tests/integration/bad_request.h"

namespace chainrule::test {
namespace {

using BadCreate = BadCase<v1::CreateModelRequest>;
class BadCreateTest : public ::testing::TestWithParam<BadCreate> {};

TEST_P(BadCreateTest, IsRefusedByField) {
  v1::CreateModelRequest request = MakeCreate("bad", MakeClassifierSpec(4, 3));
  GetParam().spoil(&request);
  v1::Model model;
  EXPECT_THAT(Call(&Models::CreateModel, Shared().models(), request, &model),
              IsBadField(std::string(GetParam().field), std::string(GetParam().text)));
  v1::GetModelRequest get;
  get.set_name("models/bad");
  EXPECT_THAT(Call(&Models::GetModel, Shared().models(), get, &model),
              IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
}

v1::ModelSpec* Spec(v1::CreateModelRequest* request) {
  return request->mutable_model()->mutable_spec();
}

const BadCreate kBadCreates[] = {
    {"NoId", [](auto* r) { r->clear_model_id(); }, "model_id", "''; must be [a-z]"},
    {"IdWithCapitals", [](auto* r) { r->set_model_id("Iris"); }, "model_id", "'Iris'"},
    {"OtherName", [](auto* r) { r->mutable_model()->set_name("models/x"); }, "model.name",
     "'models/x'; must be empty or 'models/bad'"},
    {"NoSpec", [](auto* r) { r->mutable_model()->clear_spec(); }, "model.spec",
     "unset; is required"},
    {"NoInputs", [](auto* r) { Spec(r)->clear_input_width(); }, "model.spec.input_width",
     "0; must be 1 or more"},
    {"NegativeInputs", [](auto* r) { Spec(r)->set_input_width(-3); }, "model.spec.input_width",
     "-3; must be 1 or more"},
    {"NoLayers", [](auto* r) { Spec(r)->clear_layers(); }, "model.spec.layers",
     "none; at least one"},
    {"ZeroWidthLayer", [](auto* r) { Spec(r)->mutable_layers(0)->set_units(0); },
     "model.spec.layers[0].units", "0; must be 1 or more"},
    {"SoftmaxNotLast",
     [](auto* r) { Spec(r)->mutable_layers(0)->set_activation(v1::ACTIVATION_SOFTMAX); },
     "model.spec.layers[0].activation", "ACTIVATION_SOFTMAX; is allowed in the last layer only"},
    {"LossDoesNotFit", [](auto* r) { Spec(r)->set_loss(v1::LOSS_BINARY_CROSS_ENTROPY); },
     "model.spec.loss",
     "LOSS_BINARY_CROSS_ENTROPY; the last layer's activation must be ACTIVATION_SIGMOID"},
    {"UnknownLoss", [](auto* r) { Spec(r)->set_loss(static_cast<v1::Loss>(99)); },
     "model.spec.loss",
     "99; must be LOSS_BINARY_CROSS_ENTROPY, LOSS_CATEGORICAL_CROSS_ENTROPY, "
     "LOSS_MEAN_SQUARED_ERROR or LOSS_HUBER"},
    {"UnknownActivation",
     [](auto* r) { Spec(r)->mutable_layers(0)->set_activation(static_cast<v1::Activation>(77)); },
     "model.spec.layers[0].activation",
     "77; must be ACTIVATION_SIGMOID, ACTIVATION_TANH, ACTIVATION_RELU, ACTIVATION_LEAKY_RELU, "
     "ACTIVATION_GELU, ACTIVATION_SOFTPLUS, ACTIVATION_IDENTITY or ACTIVATION_SOFTMAX"},
    {"UnknownInitializer",
     [](auto* r) { Spec(r)->mutable_layers(0)->set_initializer(static_cast<v1::Initializer>(-1)); },
     "model.spec.layers[0].initializer",
     "-1; must be INITIALIZER_XAVIER_UNIFORM, INITIALIZER_XAVIER_NORMAL, INITIALIZER_HE_UNIFORM, "
     "INITIALIZER_HE_NORMAL or INITIALIZER_ZEROS"},
    {"DropoutOfOne", [](auto* r) { Spec(r)->mutable_layers(0)->set_dropout(1); },
     "model.spec.layers[0].dropout", "1; must be in [0, 1)"},
    {"PenaltyBelowZero", [](auto* r) { Spec(r)->mutable_layers(1)->set_l2(-0.5); },
     "model.spec.layers[1].l2", "-0.5; must be finite and 0 or more"},
    {"PenaltyNotANumber", [](auto* r) { Spec(r)->mutable_layers(1)->set_l1(kNan); },
     "model.spec.layers[1].l1", "nan"},
    {"LearningRateZero", [](auto* r) { Spec(r)->mutable_optimizer()->set_learning_rate(0); },
     "model.spec.optimizer.learning_rate", "0; must be finite and above 0"},
    {"LearningRateInfinite", [](auto* r) { Spec(r)->mutable_optimizer()->set_learning_rate(kInf); },
     "model.spec.optimizer.learning_rate", "inf; must be finite"},
    {"TooFewClassNames", [](auto* r) { Spec(r)->mutable_class_names()->RemoveLast(); },
     "model.spec.class_names", "2 names; must be none or one for each of 3 classes"},
    {"ClassNamedTwice", [](auto* r) { Spec(r)->set_class_names(2, "a"); },
     "model.spec.class_names[2]", "'a'; must differ from [0]"},
    {"TooManyFeatureNames", [](auto* r) { Spec(r)->add_feature_names("x"); },
     "model.spec.feature_names", "1 names; must be none or one for each of 4 input columns"},
    {"ScaleOfZero",
     [](auto* r) {
       for (int i = 0; i < 4; ++i) {
         Spec(r)->mutable_normalization()->add_mean(0);
         Spec(r)->mutable_normalization()->add_scale(i == 2 ? 0.0F : 1.0F);
       }
     },
     "model.spec.normalization.scale[2]", "0; must be finite and at least"},
    {"LeakySlopeNotFinite",
     [](auto* r) {
       Spec(r)->mutable_layers(0)->set_activation(v1::ACTIVATION_LEAKY_RELU);
       Spec(r)->mutable_layers(0)->set_leaky_slope(kInf);
     },
     "model.spec.layers[0].leaky_slope", "inf; must be in [0, 1]"},
    {"HuberDeltaZero",
     [](auto* r) {
       Spec(r)->clear_class_names();
       Spec(r)->mutable_layers()->rbegin()->set_activation(v1::ACTIVATION_IDENTITY);
       Spec(r)->set_loss(v1::LOSS_HUBER);
       Spec(r)->set_huber_delta(0);
     },
     "model.spec.huber_delta", "0; must be finite and above 0"},
    {"MomentumOfOne", [](auto* r) { Spec(r)->mutable_optimizer()->mutable_sgd()->set_momentum(1); },
     "model.spec.optimizer.sgd.momentum", "1; must be in [0, 1)"},
    {"FirstBetaOfOne", [](auto* r) { Spec(r)->mutable_optimizer()->mutable_adam()->set_beta1(1); },
     "model.spec.optimizer.adam.beta1", "1; must be in [0, 1)"},
    {"SecondBetaBelowZero",
     [](auto* r) { Spec(r)->mutable_optimizer()->mutable_adamw()->set_beta2(-0.1); },
     "model.spec.optimizer.adamw.beta2", "-0.1"},
    {"EpsilonZero",
     [](auto* r) { Spec(r)->mutable_optimizer()->mutable_adagrad()->set_epsilon(0); },
     "model.spec.optimizer.adagrad.epsilon", "0; must be finite and above 0"},
    {"RhoNotANumber",
     [](auto* r) { Spec(r)->mutable_optimizer()->mutable_rmsprop()->set_rho(kNan); },
     "model.spec.optimizer.rmsprop.rho", "nan"},
    {"WeightDecayBelowZero",
     [](auto* r) {
       Spec(r)->mutable_optimizer()->mutable_adamw();
       Spec(r)->mutable_optimizer()->set_weight_decay(-1);
     },
     "model.spec.optimizer.weight_decay", "-1"},
    {"ClipValueZero", [](auto* r) { Spec(r)->mutable_optimizer()->set_clip_value(0); },
     "model.spec.optimizer.clip_value", "0; must be finite and above 0"},
    {"ClipNormBelowZero", [](auto* r) { Spec(r)->mutable_optimizer()->set_clip_norm(-2); },
     "model.spec.optimizer.clip_norm", "-2"},
    {"StepScheduleWithoutPeriod",
     [](auto* r) { Spec(r)->mutable_optimizer()->mutable_schedule()->mutable_step(); },
     "model.spec.optimizer.schedule.step.period_steps", "0; must be 1 or more"},
    {"CosineFloorAboveOne",
     [](auto* r) {
       v1::CosineSchedule* cosine =
           Spec(r)->mutable_optimizer()->mutable_schedule()->mutable_cosine();
       cosine->set_period_steps(10);
       cosine->set_floor(1.5);
     },
     "model.spec.optimizer.schedule.cosine.floor", "1.5; must be in [0, 1]"},
    {"WarmUpBelowZero",
     [](auto* r) { Spec(r)->mutable_optimizer()->mutable_schedule()->set_warmup_steps(-1); },
     "model.spec.optimizer.schedule.warmup_steps", "-1"},
    {"ClassNameTooLong", [](auto* r) { Spec(r)->set_class_names(1, std::string(257, 'x')); },
     "model.spec.class_names[1]",
     "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'; 257 bytes, must be 256 or "
     "less"},
    {"InputNameTooLong", [](auto* r) { Spec(r)->set_input_name(std::string(1'000, 'x')); },
     "model.spec.input_name",
     "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'; 1000 bytes, must be 256 or "
     "less"},
    {"RequestIdThatIsNone", [](auto* r) { r->set_request_id("once"); }, "request_id",
     "'once'; must be a UUID"},
    {"LabelKeyWithCapitals", [](auto* r) { (*r->mutable_model()->mutable_labels())["Team"] = "x"; },
     "model.labels['Team']", "'Team'; the key must be [a-z]"},
};
INSTANTIATE_TEST_SUITE_P(Every, BadCreateTest, ::testing::ValuesIn(kBadCreates), NameOf());

TEST(BadCreateLimitsTest, TooLargeIsRefusedBeforeItCostsMemory) {
  v1::ModelSpec spec = MakeSpec({1'000'000, 1'000'000, 1'000'000});
  v1::Model model;
  const grpc::Status status =
      Call(&Models::CreateModel, Shared().models(), MakeCreate("bad", spec), &model);
  EXPECT_THAT(status, IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_EQ(DetailsOf(status).metadata["limit"], "max_parameters");
  EXPECT_EQ(DetailsOf(status).metadata["maximum"], "100000000");
}

TEST(BadCreateLimitsTest, WidthsWhoseProductOverflowsAreRefused) {
  v1::ModelSpec spec = MakeSpec({int64_t{1} << 62, int64_t{1} << 62, 1});
  v1::Model model;
  const grpc::Status status =
      Call(&Models::CreateModel, Shared().models(), MakeCreate("bad", spec), &model);
  EXPECT_THAT(status, IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_EQ(DetailsOf(status).violations.at(0).first, "model.spec.input_width");
  EXPECT_EQ(DetailsOf(status).metadata["value"], "4611686018427387904");
}

TEST(BadCreateLimitsTest, TooManyLayersAreRefused) {
  v1::ModelSpec spec = MakeSpec({2, 2});
  for (int i = 0; i < 300; ++i) spec.add_layers()->set_units(2);
  v1::Model model;
  const grpc::Status status =
      Call(&Models::CreateModel, Shared().models(), MakeCreate("bad", spec), &model);
  EXPECT_THAT(status, IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_EQ(DetailsOf(status).metadata["value"], "301");
}

TEST(BadCreateLimitsTest, OfManyFaultsSixteenAreNamedAndTheRestCounted) {
  v1::ModelSpec spec = MakeSpec({2});
  for (int i = 0; i < 40; ++i) spec.add_layers()->set_units(-i);
  v1::Model model;
  const grpc::Status status =
      Call(&Models::CreateModel, Shared().models(), MakeCreate("bad", spec), &model);
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, "INVALID_FIELD");
  ASSERT_EQ(details.violations.size(), 17u);
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(details.violations[i].first, absl::StrCat("model.spec.layers[", i, "].units"));
  }
  EXPECT_EQ(details.violations[16], std::make_pair(std::string(), std::string("and 24 more")));
  EXPECT_THAT(details.message, ::testing::HasSubstr("39 more"));
}

TEST(BadCreateLimitsTest, ATakenNameIsNamed) {
  v1::Model model;
  const grpc::Status status = Call(&Models::CreateModel, Shared().models(),
                                   MakeCreate("classes", MakeSpec({1, 1})), &model);
  EXPECT_THAT(status, IsError(grpc::ALREADY_EXISTS, "MODEL_EXISTS"));
  EXPECT_EQ(DetailsOf(status).resource_name, "models/classes");
}

}  // namespace
}  // namespace chainrule::test
