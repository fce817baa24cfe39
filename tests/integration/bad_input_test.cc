// Whatever is wrong with a request is answered with the code, the field's path, its value
// and what is allowed; nothing of it changes the model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
using Prediction = v1::PredictionService::Stub;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// One bad request: what is done to a good one, and which violation that makes.
template <typename Request>
struct BadCase {
  const char* name;
  std::function<void(Request*)> spoil;
  const char* field;
  const char* text;
};

template <typename Request>
void PrintTo(const BadCase<Request>& bad, std::ostream* out) {
  *out << bad.name;
}

struct NameOf {
  template <typename Param>
  std::string operator()(const Param& info) const {
    return info.param.name;
  }
};

TestServer& Shared() {
  static auto* server = [] {
    auto* made = new TestServer();
    made->Create("classes", MakeClassifierSpec(4, 3));
    made->Create("sigmoid", MakeSpec({4, 1}));
    v1::ModelSpec several = MakeSpec({4, 2});
    several.set_multi_label(true);
    made->Create("labels", several);
    v1::ModelSpec regression = MakeSpec({4, 1});
    regression.mutable_layers(0)->set_activation(v1::ACTIVATION_IDENTITY);
    regression.set_loss(v1::LOSS_MEAN_SQUARED_ERROR);
    made->Create("numbers", regression);
    return made;
  }();
  return *server;
}

// --- CreateModel ------------------------------------------------------------

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
    {"NoId", [](auto* r) { r->clear_model_id(); }, "model_id", "''"},
    {"IdWithCapitals", [](auto* r) { r->set_model_id("Iris"); }, "model_id", "'Iris'"},
    {"OtherName", [](auto* r) { r->mutable_model()->set_name("models/x"); }, "model.name",
     "'models/x'"},
    {"NoSpec", [](auto* r) { r->mutable_model()->clear_spec(); }, "model.spec", "required"},
    {"NoInputs", [](auto* r) { Spec(r)->clear_input_width(); }, "model.spec.input_width",
     "0; must be 1 or more"},
    {"NegativeInputs", [](auto* r) { Spec(r)->set_input_width(-3); }, "model.spec.input_width",
     "-3"},
    {"NoLayers", [](auto* r) { Spec(r)->clear_layers(); }, "model.spec.layers", "none"},
    {"ZeroWidthLayer", [](auto* r) { Spec(r)->mutable_layers(0)->set_units(0); },
     "model.spec.layers[0].units", "0; must be 1 or more"},
    {"SoftmaxNotLast",
     [](auto* r) { Spec(r)->mutable_layers(0)->set_activation(v1::ACTIVATION_SOFTMAX); },
     "model.spec.layers[0].activation", "last layer"},
    {"LossDoesNotFit", [](auto* r) { Spec(r)->set_loss(v1::LOSS_BINARY_CROSS_ENTROPY); },
     "model.spec.loss", "LOSS_BINARY_CROSS_ENTROPY"},
    {"UnknownLoss", [](auto* r) { Spec(r)->set_loss(static_cast<v1::Loss>(99)); },
     "model.spec.loss", "99"},
    {"UnknownActivation",
     [](auto* r) { Spec(r)->mutable_layers(0)->set_activation(static_cast<v1::Activation>(77)); },
     "model.spec.layers[0].activation", "77"},
    {"UnknownInitializer",
     [](auto* r) { Spec(r)->mutable_layers(0)->set_initializer(static_cast<v1::Initializer>(-1)); },
     "model.spec.layers[0].initializer", "-1"},
    {"DropoutOfOne", [](auto* r) { Spec(r)->mutable_layers(0)->set_dropout(1); },
     "model.spec.layers[0].dropout", "[0, 1)"},
    {"PenaltyBelowZero", [](auto* r) { Spec(r)->mutable_layers(1)->set_l2(-0.5); },
     "model.spec.layers[1].l2", "-0.5"},
    {"PenaltyNotANumber", [](auto* r) { Spec(r)->mutable_layers(1)->set_l1(kNan); },
     "model.spec.layers[1].l1", "nan"},
    {"LearningRateZero", [](auto* r) { Spec(r)->mutable_optimizer()->set_learning_rate(0); },
     "model.spec.optimizer.learning_rate", "0"},
    {"LearningRateInfinite", [](auto* r) { Spec(r)->mutable_optimizer()->set_learning_rate(kInf); },
     "model.spec.optimizer.learning_rate", "inf"},
    {"TooFewClassNames", [](auto* r) { Spec(r)->mutable_class_names()->RemoveLast(); },
     "model.spec.class_names", "2 names"},
    {"ClassNamedTwice", [](auto* r) { Spec(r)->set_class_names(2, "a"); },
     "model.spec.class_names[2]", "'a'"},
    {"TooManyFeatureNames", [](auto* r) { Spec(r)->add_feature_names("x"); },
     "model.spec.feature_names", "1 names"},
    {"ScaleOfZero",
     [](auto* r) {
       for (int i = 0; i < 4; ++i) {
         Spec(r)->mutable_normalization()->add_mean(0);
         Spec(r)->mutable_normalization()->add_scale(i == 2 ? 0.0F : 1.0F);
       }
     },
     "model.spec.normalization.scale[2]", "0"},
    {"RequestIdThatIsNone", [](auto* r) { r->set_request_id("once"); }, "request_id", "'once'"},
    {"LabelKeyWithCapitals", [](auto* r) { (*r->mutable_model()->mutable_labels())["Team"] = "x"; },
     "model.labels['Team']", "[a-z]"},
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
  EXPECT_THAT(Call(&Models::CreateModel, Shared().models(), MakeCreate("bad", spec), &model),
              IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
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
  ASSERT_LE(details.violations.size(), 17u);
  EXPECT_EQ(details.violations.front().first, "model.spec.layers[0].units");
  EXPECT_THAT(details.message, ::testing::HasSubstr("39 more"));
}

TEST(BadCreateLimitsTest, ATakenNameIsNamed) {
  v1::Model model;
  const grpc::Status status = Call(&Models::CreateModel, Shared().models(),
                                   MakeCreate("classes", MakeSpec({1, 1})), &model);
  EXPECT_THAT(status, IsError(grpc::ALREADY_EXISTS, "MODEL_EXISTS"));
  EXPECT_EQ(DetailsOf(status).resource_name, "models/classes");
}

// --- Train ------------------------------------------------------------------

using BadTrain = BadCase<v1::TrainRequest>;
class BadTrainTest : public ::testing::TestWithParam<BadTrain> {};

TEST_P(BadTrainTest, IsRefusedByFieldAndLearnsNothing) {
  v1::TrainRequest request = MakeTrain("models/sigmoid", MakeExamples(6, 4, 1));
  GetParam().spoil(&request);
  v1::TrainResponse response;
  EXPECT_THAT(Call(&Training::Train, Shared().training(), request, &response),
              IsBadField(std::string(GetParam().field), std::string(GetParam().text)));
  for (const char* id : {"sigmoid", "classes", "labels", "numbers"}) {
    EXPECT_EQ(Shared().Get(id).step(), 0) << id;
  }
}

v1::Examples* Rows(v1::TrainRequest* request) { return request->mutable_examples(); }

void UseClasses(v1::TrainRequest* request) {
  *request = MakeTrain("models/classes", MakeClassifiedExamples(6, 4, 3));
}

const BadTrain kBadTrains[] = {
    {"NotAName", [](auto* r) { r->set_model("sigmoid"); }, "model", "'sigmoid'"},
    {"AVersion", [](auto* r) { r->set_model("models/sigmoid@1"); }, "model", "models/sigmoid@1"},
    {"NoExamples", [](auto* r) { r->clear_examples(); }, "examples.inputs.shape", "[rows, 4]"},
    {"WrongWidth", [](auto* r) { *Rows(r) = MakeExamples(6, 5, 1); }, "examples.inputs.shape[1]",
     "5; model 'sigmoid' expects 4"},
    {"WrongTargetWidth", [](auto* r) { *Rows(r) = MakeExamples(6, 4, 2); },
     "examples.targets.shape[1]", "2; model 'sigmoid' expects 1"},
    {"RowsDiffer",
     [](auto* r) {
       *Rows(r)->mutable_targets() = MakeTensor({5, 1}, {1, 1, 1, 1, 1});
     },
     "examples.targets.shape[0]", "5"},
    {"WeightRowsDiffer",
     [](auto* r) {
       *Rows(r)->mutable_sample_weights() = MakeTensor({2}, {1, 1});
     },
     "examples.sample_weights.shape[0]", "2"},
    {"NoRows",
     [](auto* r) {
       *Rows(r)->mutable_inputs() = MakeTensor({0, 4}, {});
       *Rows(r)->mutable_targets() = MakeTensor({0, 1}, {});
     },
     "examples.inputs.shape[0]", "0; must be 1 or more"},
    {"NoTarget", [](auto* r) { Rows(r)->clear_targets(); }, "examples", "targets or class_labels"},
    {"OneDimension",
     [](auto* r) { *Rows(r)->mutable_inputs() = MakeTensor({24}, std::vector<float>(24)); },
     "examples.inputs.shape", "[24]"},
    {"FewerElementsThanTheShapeSays", [](auto* r) { Rows(r)->mutable_inputs()->set_shape(0, 7); },
     "examples.inputs.values", "24"},
    {"MoreRowsThanCanBeCounted",
     [](auto* r) { Rows(r)->mutable_inputs()->set_shape(0, std::numeric_limits<int64_t>::max()); },
     "examples.inputs.shape[1]", "counted"},
    {"ShapeThatWrapsToWhatWasSent",
     [](auto* r) {
       *Rows(r)->mutable_inputs() = MakeTensor({int64_t{1} << 62, 4}, {});
     },
     "examples.inputs.shape[1]", "counted"},
    {"NegativeRows", [](auto* r) { Rows(r)->mutable_inputs()->set_shape(0, -6); },
     "examples.inputs.shape[0]", "-6; must be 0 or more"},
    {"BothEncodings", [](auto* r) { Rows(r)->mutable_inputs()->set_raw("abcd"); },
     "examples.inputs", "both values and raw"},
    {"UnknownType",
     [](auto* r) { Rows(r)->mutable_inputs()->set_dtype(static_cast<v1::DataType>(42)); },
     "examples.inputs.dtype", "42"},
    {"DoublesInValues",
     [](auto* r) { Rows(r)->mutable_inputs()->set_dtype(v1::DATA_TYPE_FLOAT64); },
     "examples.inputs.values", "FLOAT64"},
    {"RawOfAnotherLength",
     [](auto* r) {
       *Rows(r)->mutable_inputs() = MakeRawTensor({6, 4}, std::vector<float>(23));
     },
     "examples.inputs.raw", "92"},
    {"NanInAnInput", [](auto* r) { Rows(r)->mutable_inputs()->set_values(4 * 3 + 2, kNan); },
     "examples.inputs", "row 3, column 2: nan; must be finite"},
    {"InfinityInAnInput", [](auto* r) { Rows(r)->mutable_inputs()->set_values(23, -kInf); },
     "examples.inputs", "row 5, column 3: -inf; must be finite"},
    {"NanInATarget", [](auto* r) { Rows(r)->mutable_targets()->set_values(1, kNan); },
     "examples.targets", "row 1, column 0: nan"},
    {"TargetBeyondOne", [](auto* r) { Rows(r)->mutable_targets()->set_values(4, 1.5F); },
     "examples.targets", "row 4, column 0: 1.5; must be"},
    {"NegativeWeight",
     [](auto* r) {
       *Rows(r)->mutable_sample_weights() = MakeTensor({6}, {1, 1, -2, 1, 1, 1});
     },
     "examples.sample_weights", "row 2: -2; must be 0 or more"},
    {"WeightsThatSumToZero",
     [](auto* r) { *Rows(r)->mutable_sample_weights() = MakeTensor({6}, std::vector<float>(6)); },
     "examples.sample_weights", "sum 0"},
    {"LabelOutsideTheClasses",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->set_ids(4, 3);
     },
     "examples.class_labels.ids[4]", "3; must be"},
    {"NegativeLabel",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->set_ids(0, -1);
     },
     "examples.class_labels.ids[0]", "-1"},
    {"UnknownClassName",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->clear_ids();
       for (int i = 0; i < 6; ++i) {
         Rows(r)->mutable_class_labels()->add_names(i == 5 ? "rose" : "a");
       }
     },
     "examples.class_labels.names[5]", "'rose'"},
    {"NamesWhereThereAreNone",
     [](auto* r) {
       for (int i = 0; i < 6; ++i) Rows(r)->mutable_class_labels()->add_names("a");
     },
     "examples.class_labels.names", "no class_names"},
    {"IdsAndNames",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->add_names("a");
     },
     "examples.class_labels", "both ids and names"},
    {"FewerLabelsThanRows",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->mutable_ids()->RemoveLast();
     },
     "examples.class_labels.ids", "5"},
    {"LabelsForRegression",
     [](auto* r) { *r = MakeTrain("models/numbers", MakeClassifiedExamples(6, 4, 2)); },
     "examples.class_labels", "regression"},
    {"LabelsForMultiLabel",
     [](auto* r) { *r = MakeTrain("models/labels", MakeClassifiedExamples(6, 4, 2)); },
     "examples.class_labels", "multi_label"},
    {"CategoricalRowThatSumsToMore",
     [](auto* r) {
       *r = MakeTrain("models/classes", MakeExamples(2, 4, 3));
       *Rows(r)->mutable_targets() = MakeTensor({2, 3}, {0, 1, 0, 0.5F, 0.5F, 0.25F});
     },
     "examples.targets", "row 1: sum 1.25"},
    {"NegativeEpochs", [](auto* r) { r->set_epochs(-1); }, "epochs", "-1"},
    {"NegativeBatch", [](auto* r) { r->set_batch_size(-8); }, "batch_size", "-8"},
    {"LearningRateBelowZero", [](auto* r) { r->set_learning_rate(-0.1); }, "learning_rate", "-0.1"},
    {"TimeLimitBelowZero", [](auto* r) { r->mutable_time_limit()->set_seconds(-5); }, "time_limit",
     "-5"},
    {"RequestIdThatIsNone", [](auto* r) { r->set_request_id("abc"); }, "request_id", "'abc'"},
};
INSTANTIATE_TEST_SUITE_P(Every, BadTrainTest, ::testing::ValuesIn(kBadTrains), NameOf());

TEST(BadTrainLimitsTest, AnUnknownModelIsNotFound) {
  v1::TrainResponse response;
  const grpc::Status status = Call(&Training::Train, Shared().training(),
                                   MakeTrain("models/nobody", MakeExamples(1, 4, 1)), &response);
  EXPECT_THAT(status, IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
  EXPECT_EQ(DetailsOf(status).resource_name, "models/nobody");
  EXPECT_EQ(DetailsOf(status).metadata["model"], "models/nobody");
}

TEST(BadTrainLimitsTest, TooManyEpochsNameTheLimit) {
  v1::TrainRequest request = MakeTrain("models/sigmoid", MakeExamples(1, 4, 1));
  request.set_epochs(2'000'000);
  v1::TrainResponse response;
  const grpc::Status status = Call(&Training::Train, Shared().training(), request, &response);
  EXPECT_THAT(status, IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_EQ(DetailsOf(status).metadata["limit"], "max_epochs");
  EXPECT_EQ(DetailsOf(status).violations.at(0).first, "epochs");
}

TEST(BadTrainLimitsTest, TooManyRowsNameTheLimit) {
  server::Options options = TestOptions();
  options.limits.max_rows = 10;
  TestServer server(options);
  server.Create("m", MakeSpec({1, 1}));
  v1::TrainResponse response;
  const grpc::Status status = Call(&Training::Train, server.training(),
                                   MakeTrain("models/m", MakeExamples(11, 1, 1)), &response);
  EXPECT_THAT(status, IsError(grpc::INVALID_ARGUMENT, "LIMIT_EXCEEDED"));
  EXPECT_EQ(DetailsOf(status).metadata["limit"], "max_rows");
  EXPECT_EQ(DetailsOf(status).metadata["value"], "11");
}

TEST(BadTrainLimitsTest, AMessageBeyondTheLimitIsRefusedAndTheServerLives) {
  server::Options options = TestOptions();
  options.limits.max_message_bytes = 1 << 20;
  TestServer server(options);
  server.Create("m", MakeSpec({1000, 1}));
  v1::TrainResponse response;
  EXPECT_EQ(Call(&Training::Train, server.training(),
                 MakeTrain("models/m", MakeExamples(400, 1000, 1)), &response)
                .error_code(),
            grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(server.Get("m").step(), 0);
}

// --- what only reads --------------------------------------------------------

using BadPredict = BadCase<v1::PredictRequest>;
class BadPredictTest : public ::testing::TestWithParam<BadPredict> {};

TEST_P(BadPredictTest, IsRefusedByField) {
  v1::PredictRequest request;
  request.set_model("models/numbers");
  *request.mutable_inputs() = MakeTensor({2, 4}, std::vector<float>(8));
  GetParam().spoil(&request);
  v1::PredictResponse response;
  EXPECT_THAT(Call(&Prediction::Predict, Shared().prediction(), request, &response),
              IsBadField(std::string(GetParam().field), std::string(GetParam().text)));
}

const BadPredict kBadPredicts[] = {
    {"NoInputs", [](auto* r) { r->clear_inputs(); }, "inputs.shape", "[rows, 4]"},
    {"WrongWidth",
     [](auto* r) {
       *r->mutable_inputs() = MakeTensor({1, 3}, {1, 2, 3});
     },
     "inputs.shape[1]", "3; model 'numbers' expects 4"},
    {"NanInAnInput", [](auto* r) { r->mutable_inputs()->set_values(6, kNan); }, "inputs",
     "row 1, column 2: nan; must be finite"},
    {"UnknownPart", [](auto* r) { r->add_include(static_cast<v1::PredictionPart>(9)); },
     "include[0]", "9"},
    {"UnspecifiedPart", [](auto* r) { r->add_include(v1::PREDICTION_PART_UNSPECIFIED); },
     "include[0]", "0;"},
    {"ClassesOfARegression", [](auto* r) { r->add_include(v1::PREDICTION_PART_CLASSES); },
     "include", "CLASSES"},
    {"UnknownEncoding", [](auto* r) { r->set_encoding(static_cast<v1::TensorEncoding>(5)); },
     "encoding", "5"},
};
INSTANTIATE_TEST_SUITE_P(Every, BadPredictTest, ::testing::ValuesIn(kBadPredicts), NameOf());

TEST(BadReadTest, GradientsByNothingKnownAreRefused) {
  v1::GetGradientsRequest request;
  request.set_model("models/sigmoid");
  *request.mutable_examples() = MakeExamples(2, 4, 1);
  request.add_wrt(v1::GRADIENT_TARGET_PARAMETERS);
  request.add_wrt(static_cast<v1::GradientTarget>(8));
  v1::GetGradientsResponse response;
  EXPECT_THAT(Call(&Training::GetGradients, Shared().training(), request, &response),
              IsBadField("wrt[1]", "8"));
}

TEST(BadReadTest, ALayerThatIsNoneIsRefused) {
  v1::GetWeightsRequest request;
  request.set_model("models/classes");
  request.add_layer_indexes(2);
  v1::GetWeightsResponse response;
  EXPECT_THAT(Call(&Models::GetWeights, Shared().models(), request, &response),
              IsBadField("layer_indexes[0]", "2; must be 0 to 1"));
}

TEST(BadReadTest, AVersionThatIsNoneIsNotFound) {
  v1::PredictRequest request;
  request.set_model("models/sigmoid@3");
  v1::PredictResponse response;
  EXPECT_EQ(Call(&Prediction::Predict, Shared().prediction(), request, &response).error_code(),
            grpc::NOT_FOUND);
}

TEST(BadReadTest, AThresholdBeyondOneIsRefused) {
  v1::EvaluateRequest request;
  request.set_model("models/sigmoid");
  *request.mutable_examples() = MakeExamples(2, 4, 1);
  request.set_threshold(1.5);
  v1::EvaluateResponse response;
  EXPECT_THAT(Call(&Training::Evaluate, Shared().training(), request, &response),
              IsBadField("threshold", "1.5"));
}

// --- SetWeights, UpdateModel, ListModels ------------------------------------

using BadSet = BadCase<v1::SetWeightsRequest>;
class BadSetWeightsTest : public ::testing::TestWithParam<BadSet> {};

TEST_P(BadSetWeightsTest, IsRefusedByFieldAndSetsNothing) {
  v1::SetWeightsRequest request;
  request.set_model("models/sigmoid");
  *request.add_layers()->mutable_weights() = MakeTensor({1, 4}, {1, 2, 3, 4});
  GetParam().spoil(&request);
  v1::SetWeightsResponse response;
  EXPECT_THAT(Call(&Models::SetWeights, Shared().models(), request, &response),
              IsBadField(std::string(GetParam().field), std::string(GetParam().text)));
  EXPECT_EQ(Shared().Get("sigmoid").step(), 0);
}

const BadSet kBadSets[] = {
    {"Nothing", [](auto* r) { r->clear_layers(); }, "layers", "at least one"},
    {"NoSuchLayer", [](auto* r) { r->mutable_layers(0)->set_index(1); }, "layers[0].index", "1"},
    {"LayerNamedTwice", [](auto* r) { *r->add_layers() = r->layers(0); }, "layers[1].index",
     "twice"},
    {"WrongShape",
     [](auto* r) {
       *r->mutable_layers(0)->mutable_weights() = MakeTensor({4, 1}, {1, 2, 3, 4});
     },
     "layers[0].weights.shape", "[4, 1]"},
    {"NotFinite", [](auto* r) { r->mutable_layers(0)->mutable_weights()->set_values(2, kInf); },
     "layers[0].weights", "row 0, column 2: inf"},
    {"StepBelowZero", [](auto* r) { r->set_if_step(-1); }, "if_step", "-1"},
};
INSTANTIATE_TEST_SUITE_P(Every, BadSetWeightsTest, ::testing::ValuesIn(kBadSets), NameOf());

TEST(BadUpdateTest, WhatCannotChangeIsRefused) {
  v1::UpdateModelRequest request;
  request.mutable_model()->set_name("models/sigmoid");
  request.mutable_update_mask()->add_paths("spec.seed");
  v1::Model model;
  EXPECT_THAT(Call(&Models::UpdateModel, Shared().models(), request, &model),
              IsBadField("update_mask.paths[0]", "'spec.seed'"));
}

TEST(BadListTest, PagesAndFiltersAreChecked) {
  v1::ListModelsResponse response;
  v1::ListModelsRequest request;
  request.set_page_size(-1);
  EXPECT_THAT(Call(&Models::ListModels, Shared().models(), request, &response),
              IsBadField("page_size", "-1"));
  request.Clear();
  request.set_page_token("made up");
  EXPECT_THAT(Call(&Models::ListModels, Shared().models(), request, &response),
              IsBadField("page_token", "'made up'"));
  request.Clear();
  request.set_filter("owner = me");
  EXPECT_THAT(Call(&Models::ListModels, Shared().models(), request, &response),
              IsBadField("filter", "owner"));
}

}  // namespace
}  // namespace chainrule::test
