// Rows and settings that Train refuses, field by field.
#include "tests/integration/bad_request.h"

namespace chainrule::test {
namespace {

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
    {"AVersion", [](auto* r) { r->set_model("models/sigmoid@1"); }, "model",
     "'models/sigmoid@1'; must name the live model"},
    {"NoExamples", [](auto* r) { r->clear_examples(); }, "examples.inputs.shape",
     "[]; model 'sigmoid' expects [rows, 4]"},
    {"WrongWidth", [](auto* r) { *Rows(r) = MakeExamples(6, 5, 1); }, "examples.inputs.shape[1]",
     "5; model 'sigmoid' expects 4"},
    {"WrongTargetWidth", [](auto* r) { *Rows(r) = MakeExamples(6, 4, 2); },
     "examples.targets.shape[1]", "2; model 'sigmoid' expects 1"},
    {"RowsDiffer",
     [](auto* r) {
       *Rows(r)->mutable_targets() = MakeTensor({5, 1}, {1, 1, 1, 1, 1});
     },
     "examples.targets.shape[0]", "5; must be 6"},
    {"WeightRowsDiffer",
     [](auto* r) {
       *Rows(r)->mutable_sample_weights() = MakeTensor({2}, {1, 1});
     },
     "examples.sample_weights.shape[0]", "2; must be 6"},
    {"NoRows",
     [](auto* r) {
       *Rows(r)->mutable_inputs() = MakeTensor({0, 4}, {});
       *Rows(r)->mutable_targets() = MakeTensor({0, 1}, {});
     },
     "examples.inputs.shape[0]", "0; must be 1 or more"},
    {"NoTarget", [](auto* r) { Rows(r)->clear_targets(); }, "examples",
     "no target; targets or class_labels"},
    {"OneDimension",
     [](auto* r) { *Rows(r)->mutable_inputs() = MakeTensor({24}, std::vector<float>(24)); },
     "examples.inputs.shape", "[24]; model 'sigmoid' expects [rows, 4]"},
    {"FewerElementsThanTheShapeSays", [](auto* r) { Rows(r)->mutable_inputs()->set_shape(0, 7); },
     "examples.inputs.values", "24 elements; the shape [7, 4] needs 28"},
    {"MoreRowsThanCanBeCounted",
     [](auto* r) { Rows(r)->mutable_inputs()->set_shape(0, std::numeric_limits<int64_t>::max()); },
     "examples.inputs.shape[1]", "4; the shape must have no more elements than can be counted"},
    {"ShapeThatWrapsToWhatWasSent",
     [](auto* r) {
       *Rows(r)->mutable_inputs() = MakeTensor({int64_t{1} << 62, 4}, {});
     },
     "examples.inputs.shape[1]", "4; the shape must have no more elements than can be counted"},
    {"NegativeRows", [](auto* r) { Rows(r)->mutable_inputs()->set_shape(0, -6); },
     "examples.inputs.shape[0]", "-6; must be 0 or more"},
    {"BothEncodings", [](auto* r) { Rows(r)->mutable_inputs()->set_raw("abcd"); },
     "examples.inputs", "both values and raw are filled; exactly one"},
    {"UnknownType",
     [](auto* r) { Rows(r)->mutable_inputs()->set_dtype(static_cast<v1::DataType>(42)); },
     "examples.inputs.dtype",
     "42; must be DATA_TYPE_FLOAT32, DATA_TYPE_FLOAT64 or DATA_TYPE_UINT8"},
    {"DoublesInValues",
     [](auto* r) { Rows(r)->mutable_inputs()->set_dtype(v1::DATA_TYPE_FLOAT64); },
     "examples.inputs.values", "DATA_TYPE_FLOAT64; must come in raw"},
    {"RawOfAnotherLength",
     [](auto* r) {
       *Rows(r)->mutable_inputs() = MakeRawTensor({6, 4}, std::vector<float>(23));
     },
     "examples.inputs.raw", "92 bytes; the shape [6, 4] needs 24 elements of 4"},
    {"NanInAnInput", [](auto* r) { Rows(r)->mutable_inputs()->set_values(4 * 3 + 2, kNan); },
     "examples.inputs", "row 3, column 2: nan; must be finite"},
    {"InfinityInAnInput", [](auto* r) { Rows(r)->mutable_inputs()->set_values(23, -kInf); },
     "examples.inputs", "row 5, column 3: -inf; must be finite"},
    {"NanInATarget", [](auto* r) { Rows(r)->mutable_targets()->set_values(1, kNan); },
     "examples.targets", "row 1, column 0: nan; must be finite"},
    {"TargetBeyondOne", [](auto* r) { Rows(r)->mutable_targets()->set_values(4, 1.5F); },
     "examples.targets", "row 4, column 0: 1.5; must be in [0, 1]"},
    {"NegativeWeight",
     [](auto* r) {
       *Rows(r)->mutable_sample_weights() = MakeTensor({6}, {1, 1, -2, 1, 1, 1});
     },
     "examples.sample_weights", "row 2: -2; must be 0 or more"},
    {"WeightsThatSumToZero",
     [](auto* r) { *Rows(r)->mutable_sample_weights() = MakeTensor({6}, std::vector<float>(6)); },
     "examples.sample_weights", "sum 0; must be above 0"},
    {"LabelOutsideTheClasses",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->set_ids(4, 3);
     },
     "examples.class_labels.ids[4]", "3; must be below 3"},
    {"NegativeLabel",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->set_ids(0, -1);
     },
     "examples.class_labels.ids[0]", "-1; must be 0 or more"},
    {"UnknownClassName",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->clear_ids();
       for (int i = 0; i < 6; ++i) {
         Rows(r)->mutable_class_labels()->add_names(i == 5 ? "rose" : "a");
       }
     },
     "examples.class_labels.names[5]", "'rose'; must be one of 'a'"},
    {"NamesWhereThereAreNone",
     [](auto* r) {
       for (int i = 0; i < 6; ++i) Rows(r)->mutable_class_labels()->add_names("rose");
     },
     "examples.class_labels.names", "set; model 'sigmoid' has no class_names"},
    {"IdsAndNames",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->add_names("rose");
     },
     "examples.class_labels", "both ids and names are filled; exactly one"},
    {"FewerLabelsThanRows",
     [](auto* r) {
       UseClasses(r);
       Rows(r)->mutable_class_labels()->mutable_ids()->RemoveLast();
     },
     "examples.class_labels.ids", "5; must be 6"},
    {"LabelsForRegression",
     [](auto* r) { *r = MakeTrain("models/numbers", MakeClassifiedExamples(6, 4, 2)); },
     "examples.class_labels",
     "set; the loss of model 'numbers', LOSS_MEAN_SQUARED_ERROR, is of regression"},
    {"LabelsForMultiLabel",
     [](auto* r) { *r = MakeTrain("models/labels", MakeClassifiedExamples(6, 4, 2)); },
     "examples.class_labels", "set; model 'labels' is multi_label and takes targets"},
    {"CategoricalRowThatSumsToMore",
     [](auto* r) {
       *r = MakeTrain("models/classes", MakeExamples(2, 4, 3));
       *Rows(r)->mutable_targets() = MakeTensor({2, 3}, {0, 1, 0, 0.5F, 0.5F, 0.25F});
     },
     "examples.targets", "row 1: sum 1.25; must be 1"},
    {"NegativeEpochs", [](auto* r) { r->set_epochs(-1); }, "epochs", "-1"},
    {"NegativeBatch", [](auto* r) { r->set_batch_size(-8); }, "batch_size", "-8"},
    {"LearningRateBelowZero", [](auto* r) { r->set_learning_rate(-0.1); }, "learning_rate", "-0.1"},
    {"TimeLimitBelowZero", [](auto* r) { r->mutable_time_limit()->set_seconds(-5); }, "time_limit",
     "-5 s and 0 ns; must be a valid duration above 0"},
    {"TimeLimitOfAges", [](auto* r) { r->mutable_time_limit()->set_seconds(int64_t{1} << 62); },
     "time_limit",
     "4611686018427387904 s and 0 ns; must be a valid duration above 0, of at most 315576000000 s"},
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

}  // namespace
}  // namespace chainrule::test
