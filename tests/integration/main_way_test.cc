// The main way through the house: create, train, predict, gradients, evaluate, check,
// weights, list, update, delete.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;
using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
using Prediction = v1::PredictionService::Stub;

class MainWayTest : public ::testing::Test {
 protected:
  v1::TrainResponse Train(const v1::TrainRequest& request) {
    v1::TrainResponse response;
    EXPECT_THAT(Call(&Training::Train, server_.training(), request, &response), IsOk());
    return response;
  }

  v1::PredictResponse Predict(const std::string& model, const v1::Tensor& inputs) {
    v1::PredictRequest request;
    request.set_model(model);
    *request.mutable_inputs() = inputs;
    v1::PredictResponse response;
    EXPECT_THAT(Call(&Prediction::Predict, server_.prediction(), request, &response), IsOk());
    return response;
  }

  v1::GetWeightsResponse Weights(const std::string& model) {
    v1::GetWeightsRequest request;
    request.set_model(model);
    v1::GetWeightsResponse response;
    EXPECT_THAT(Call(&Models::GetWeights, server_.models(), request, &response), IsOk());
    return response;
  }

  std::vector<std::string> List(v1::ListModelsRequest request) {
    std::vector<std::string> names;
    v1::ListModelsResponse page;
    do {
      request.set_page_token(page.next_page_token());
      page.Clear();
      EXPECT_THAT(Call(&Models::ListModels, server_.models(), request, &page), IsOk());
      for (const v1::Model& model : page.models()) names.push_back(model.name());
    } while (!page.next_page_token().empty());
    return names;
  }

  TestServer server_;
};

// Exclusive or, which no single layer can do.
v1::Examples Xor() {
  v1::Examples examples;
  *examples.mutable_inputs() = MakeTensor({4, 2}, {0, 0, 0, 1, 1, 0, 1, 1});
  *examples.mutable_targets() = MakeTensor({4}, {0, 1, 1, 0});
  return examples;
}

TEST_F(MainWayTest, LearnsExclusiveOr) {
  server_.Create("xor", MakeSpec({2, 8, 1}));
  v1::TrainRequest request = MakeTrain("models/xor", Xor());
  request.set_epochs(4000);
  request.set_learning_rate(4);
  const v1::TrainResponse trained = Train(request);
  EXPECT_LT(trained.loss(), 0.05);
  EXPECT_EQ(trained.steps_taken(), 4000);
  EXPECT_EQ(trained.model_step(), 4000);
  EXPECT_EQ(trained.durable_step(), 4000);
  EXPECT_EQ(trained.stop_reason(), v1::STOP_REASON_COMPLETED);
  EXPECT_EQ(trained.epochs_size(), 1000);
  EXPECT_EQ(trained.epochs(999).epoch(), 4000);
  const v1::PredictResponse predicted = Predict("models/xor", Xor().inputs());
  EXPECT_THAT(predicted.outputs().values(),
              Pointwise(FloatNear(0.2F), std::vector<float>{0, 1, 1, 0}));
  EXPECT_EQ(predicted.model_step(), 4000);
}

TEST_F(MainWayTest, OneStepFollowsTheGradient) {
  server_.Create("m", MakeSpec({3, 2}));
  const v1::Examples examples = MakeExamples(7, 3, 2);
  const v1::GetWeightsResponse before = Weights("models/m");
  v1::GetGradientsRequest ask;
  ask.set_model("models/m");
  *ask.mutable_examples() = examples;
  v1::GetGradientsResponse gradients;
  ASSERT_THAT(Call(&Training::GetGradients, server_.training(), ask, &gradients), IsOk());
  v1::TrainRequest request = MakeTrain("models/m", examples);
  request.set_learning_rate(0.5);
  const v1::TrainResponse trained = Train(request);
  EXPECT_NEAR(trained.loss(), gradients.loss(), 1e-6);
  const v1::GetWeightsResponse after = Weights("models/m");
  ASSERT_EQ(after.layers_size(), 1);
  for (int i = 0; i < 6; ++i) {
    EXPECT_NEAR(
        after.layers(0).weights().values(i),
        before.layers(0).weights().values(i) - 0.5F * gradients.layers(0).weights().values(i), 1e-6)
        << i;
  }
  EXPECT_EQ(after.model_step(), 1);
}

TEST_F(MainWayTest, GradientsOfASigmoidLayerAreTheDerivationsOwn) {
  // dZ = A − Y; dW = 1/m · dZᵀ·X; db = 1/m · Σ dZ; dX = dZ·W.
  server_.Create("m", MakeSpec({2, 1}));
  const v1::GetWeightsResponse weights = Weights("models/m");
  const v1::Examples examples = MakeExamples(5, 2, 1);
  v1::GetGradientsRequest request;
  request.set_model("models/m");
  *request.mutable_examples() = examples;
  request.add_wrt(v1::GRADIENT_TARGET_PARAMETERS);
  request.add_wrt(v1::GRADIENT_TARGET_INPUTS);
  request.add_wrt(v1::GRADIENT_TARGET_ACTIVATIONS);
  v1::GetGradientsResponse response;
  ASSERT_THAT(Call(&Training::GetGradients, server_.training(), request, &response), IsOk());
  double dw[2] = {0, 0};
  double db = 0;
  for (int i = 0; i < 5; ++i) {
    const double a = response.activations(0).a().values(i);
    const double dz = a - examples.targets().values(i);
    EXPECT_NEAR(response.activations(0).dz().values(i), dz, 1e-6);
    for (int j = 0; j < 2; ++j) {
      dw[j] += dz * examples.inputs().values(2 * i + j) / 5;
      EXPECT_NEAR(response.input_gradients().values(2 * i + j),
                  dz * weights.layers(0).weights().values(j), 1e-6);
    }
    db += dz / 5;
  }
  EXPECT_NEAR(response.layers(0).weights().values(0), dw[0], 1e-6);
  EXPECT_NEAR(response.layers(0).weights().values(1), dw[1], 1e-6);
  EXPECT_NEAR(response.layers(0).biases().values(0), db, 1e-6);
  EXPECT_EQ(response.weight_sum(), 5);
  EXPECT_EQ(server_.Get("m").step(), 0);
}

TEST_F(MainWayTest, BackPropagationAgreesWithCentralDifferences) {
  server_.Create("m", MakeClassifierSpec(4, 6));
  v1::CheckGradientsRequest request;
  request.set_model("models/m");
  *request.mutable_examples() = MakeClassifiedExamples(20, 4, 3);
  v1::CheckGradientsResponse response;
  ASSERT_THAT(Call(&Training::CheckGradients, server_.training(), request, &response), IsOk());
  EXPECT_LT(response.max_relative_error(), 1e-4);
  EXPECT_EQ(response.samples(), 4 * 6 + 6 + 6 * 3 + 3);
}

TEST_F(MainWayTest, EvaluateCountsWhatPredictSays) {
  server_.Create("m", MakeClassifierSpec(4, 6));
  const v1::Examples examples = MakeClassifiedExamples(50, 4, 3);
  v1::PredictRequest ask;
  ask.set_model("models/m");
  *ask.mutable_inputs() = examples.inputs();
  ask.add_include(v1::PREDICTION_PART_CLASSES);
  v1::PredictResponse predicted;
  ASSERT_THAT(Call(&Prediction::Predict, server_.prediction(), ask, &predicted), IsOk());
  ASSERT_EQ(predicted.rows_size(), 50);
  EXPECT_FALSE(predicted.has_outputs());
  int right = 0;
  for (int i = 0; i < 50; ++i) {
    const v1::PredictedClass& best = predicted.rows(i).classes(0);
    right += best.id() == examples.class_labels().ids(i) ? 1 : 0;
    EXPECT_EQ(best.name(), std::string(1, static_cast<char>('a' + best.id())));
  }
  v1::EvaluateRequest request;
  request.set_model("models/m");
  *request.mutable_examples() = examples;
  v1::EvaluateResponse response;
  ASSERT_THAT(Call(&Training::Evaluate, server_.training(), request, &response), IsOk());
  EXPECT_DOUBLE_EQ(response.metrics().accuracy(), right / 50.0);
  EXPECT_EQ(response.rows(), 50);
  double sum = 0;
  for (const double cell : response.metrics().confusion_matrix().values()) sum += cell;
  EXPECT_EQ(sum, 50);
  EXPECT_THAT(response.metrics().confusion_matrix().class_names(), ElementsAre("a", "b", "c"));
}

TEST_F(MainWayTest, WeightsComeBackAsTheyWereSet) {
  server_.Create("m", MakeSpec({2, 1}));
  v1::SetWeightsRequest set;
  set.set_model("models/m");
  set.set_if_step(0);
  v1::LayerTensors* layer = set.add_layers();
  *layer->mutable_weights() = MakeTensor({1, 2}, {0.25F, -2});
  *layer->mutable_biases() = MakeRawTensor({1}, {3});
  v1::SetWeightsResponse answer;
  ASSERT_THAT(Call(&Models::SetWeights, server_.models(), set, &answer), IsOk());
  EXPECT_EQ(answer.model_step(), 1);
  const v1::GetWeightsResponse got = Weights("models/m");
  EXPECT_THAT(got.layers(0).weights().values(), ElementsAre(0.25F, -2));
  EXPECT_THAT(got.layers(0).biases().values(), ElementsAre(3));
  const v1::PredictResponse predicted = Predict("models/m", MakeTensor({1, 2}, {4, 1}));
  EXPECT_NEAR(predicted.outputs().values(0), 1 / (1 + std::exp(-2.0)), 1e-6);
  // The condition on the step holds no more.
  EXPECT_THAT(Call(&Models::SetWeights, server_.models(), set, &answer),
              IsError(grpc::ABORTED, "STEP_MISMATCH"));
}

TEST_F(MainWayTest, GetWeightsSendsNothingThatIsKnown) {
  server_.Create("m", MakeSpec({2, 1}));
  v1::GetWeightsRequest request;
  request.set_model("models/m");
  request.set_if_newer_than_step(0);
  v1::GetWeightsResponse response;
  ASSERT_THAT(Call(&Models::GetWeights, server_.models(), request, &response), IsOk());
  EXPECT_TRUE(response.unchanged());
  EXPECT_EQ(response.layers_size(), 0);
}

TEST_F(MainWayTest, AnswersComeInTheEncodingOfTheQuestion) {
  server_.Create("m", MakeSpec({2, 3, 2}));
  const std::vector<float> row = {0.5F, -1};
  const v1::PredictResponse typed = Predict("models/m", MakeTensor({1, 2}, row));
  const v1::PredictResponse raw = Predict("models/m", MakeRawTensor({1, 2}, row));
  ASSERT_EQ(raw.outputs().values_size(), 0);
  ASSERT_EQ(raw.outputs().raw().size(), 2 * sizeof(float));
  EXPECT_EQ(raw.outputs().raw(),
            std::string(reinterpret_cast<const char*>(typed.outputs().values().data()),
                        2 * sizeof(float)));
}

TEST_F(MainWayTest, NoRowsAreAnsweredWithNone) {
  server_.Create("m", MakeSpec({2, 3}));
  const v1::PredictResponse response = Predict("models/m", MakeTensor({0, 2}, {}));
  EXPECT_THAT(response.outputs().shape(), ElementsAre(0, 3));
}

TEST_F(MainWayTest, ValidateOnlyCreatesNothing) {
  v1::CreateModelRequest request = MakeCreate("m", MakeSpec({2, 3, 1}));
  request.set_validate_only(true);
  v1::Model model;
  ASSERT_THAT(Call(&Models::CreateModel, server_.models(), request, &model), IsOk());
  EXPECT_EQ(model.parameter_count(), 2 * 3 + 3 + 3 + 1);
  EXPECT_GT(model.memory_bytes(), 0);
  EXPECT_EQ(model.spec().layers(0).activation(), v1::ACTIVATION_SIGMOID);
  EXPECT_THAT(List({}), ElementsAre());
}

TEST_F(MainWayTest, ListsByNamePageByPageAndByLabel) {
  for (const char* id : {"c", "a", "b"}) {
    v1::CreateModelRequest request = MakeCreate(id, MakeSpec({1, 1}));
    (*request.mutable_model()->mutable_labels())["team"] = *id == 'b' ? "red" : "blue";
    v1::Model model;
    ASSERT_THAT(Call(&Models::CreateModel, server_.models(), request, &model), IsOk());
  }
  EXPECT_THAT(List({}), ElementsAre("models/a", "models/b", "models/c"));
  v1::ListModelsRequest paged;
  paged.set_page_size(1);
  EXPECT_THAT(List(paged), ElementsAre("models/a", "models/b", "models/c"));
  paged.set_filter("labels.team = \"blue\"");
  EXPECT_THAT(List(paged), ElementsAre("models/a", "models/c"));
}

TEST_F(MainWayTest, PagesOfModelsWithManyNamesEndBeforeAMessageDoes) {
  std::vector<std::string> expected;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    v1::ModelSpec spec = MakeSpec({4'000, 1});
    for (int i = 0; i < 4'000; ++i) {
      spec.add_feature_names(absl::StrCat(std::string(250, 'x'), i));
    }
    server_.Create(id, spec);
    expected.push_back(absl::StrCat("models/", id));
  }
  EXPECT_GT(server_.Get("a").memory_bytes(), 4'000 * 250);
  v1::ListModelsResponse page;
  ASSERT_THAT(Call(&Models::ListModels, server_.models(), v1::ListModelsRequest(), &page), IsOk());
  EXPECT_LT(page.ByteSizeLong(), size_t{4} << 20);
  EXPECT_THAT(List({}), ::testing::ElementsAreArray(expected));
}

TEST_F(MainWayTest, UpdatesLabelsIfTheEtagHolds) {
  const v1::Model created = server_.Create("m", MakeSpec({1, 1}));
  v1::UpdateModelRequest request;
  request.mutable_model()->set_name("models/m");
  request.mutable_model()->set_etag(created.etag());
  (*request.mutable_model()->mutable_labels())["stage"] = "test";
  request.mutable_update_mask()->add_paths("labels");
  v1::Model updated;
  ASSERT_THAT(Call(&Models::UpdateModel, server_.models(), request, &updated), IsOk());
  EXPECT_EQ(updated.labels().at("stage"), "test");
  EXPECT_NE(updated.etag(), created.etag());
  const grpc::Status stale = Call(&Models::UpdateModel, server_.models(), request, &updated);
  EXPECT_THAT(stale, IsError(grpc::ABORTED, "ETAG_MISMATCH"));
  EXPECT_EQ(DetailsOf(stale).metadata["etag"], server_.Get("m").etag());
}

TEST_F(MainWayTest, WhatIsDeletedIsGone) {
  server_.Create("m", MakeSpec({1, 1}));
  v1::DeleteModelRequest request;
  request.set_name("models/m");
  google::protobuf::Empty nothing;
  ASSERT_THAT(Call(&Models::DeleteModel, server_.models(), request, &nothing), IsOk());
  const grpc::Status again = Call(&Models::DeleteModel, server_.models(), request, &nothing);
  EXPECT_THAT(again, IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
  EXPECT_EQ(DetailsOf(again).resource_name, "models/m");
  EXPECT_EQ(DetailsOf(again).resource_type, "chainrule.v1.Model");
}

TEST_F(MainWayTest, TheSameSeedGivesTheSameBits) {
  v1::ModelSpec spec = MakeClassifierSpec(4, 5);
  spec.set_seed(7);
  for (const char* id : {"one", "two"}) {
    server_.Create(id, spec);
    v1::TrainRequest request =
        MakeTrain("models/" + std::string(id), MakeClassifiedExamples(30, 4, 3));
    request.set_batch_size(8);
    request.set_epochs(3);
    EXPECT_EQ(Train(request).steps_taken(), 3 * 4);
  }
  EXPECT_EQ(Weights("models/one").SerializeAsString(), Weights("models/two").SerializeAsString());
}

TEST_F(MainWayTest, ServerInfoTellsTheLimits) {
  v1::GetServerInfoResponse info;
  ASSERT_THAT(Call(&v1::ServerService::Stub::GetServerInfo, server_.info(), {}, &info), IsOk());
  EXPECT_EQ(info.threads(), 2);
  EXPECT_EQ(info.limits().max_message_bytes(), TestOptions().limits.max_message_bytes);
  EXPECT_EQ(info.durability(), v1::DURABILITY_SYNC);
  EXPECT_FALSE(info.numerics().blas_core().empty());
}

}  // namespace
}  // namespace chainrule::test
