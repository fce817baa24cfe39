// What the other RPCs refuse: those that read, and those that write what they are given.
#include "tests/integration/bad_request.h"

namespace chainrule::test {
namespace {

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
    {"NoInputs", [](auto* r) { r->clear_inputs(); }, "inputs.shape",
     "[]; model 'numbers' expects [rows, 4]"},
    {"WrongWidth",
     [](auto* r) {
       *r->mutable_inputs() = MakeTensor({1, 3}, {1, 2, 3});
     },
     "inputs.shape[1]", "3; model 'numbers' expects 4"},
    {"NanInAnInput", [](auto* r) { r->mutable_inputs()->set_values(6, kNan); }, "inputs",
     "row 1, column 2: nan; must be finite"},
    {"UnknownPart", [](auto* r) { r->add_include(static_cast<v1::PredictionPart>(9)); },
     "include[0]",
     "9; must be PREDICTION_PART_VALUES, PREDICTION_PART_LOGITS or PREDICTION_PART_CLASSES"},
    {"UnspecifiedPart", [](auto* r) { r->add_include(v1::PREDICTION_PART_UNSPECIFIED); },
     "include[0]", "0; must be PREDICTION_PART_VALUES"},
    {"ClassesOfARegression", [](auto* r) { r->add_include(v1::PREDICTION_PART_CLASSES); },
     "include", "PREDICTION_PART_CLASSES; the loss of model 'numbers'"},
    {"UnknownEncoding", [](auto* r) { r->set_encoding(static_cast<v1::TensorEncoding>(5)); },
     "encoding", "5; must be TENSOR_ENCODING_VALUES or TENSOR_ENCODING_RAW"},
    {"ClassesBelowZero", [](auto* r) { r->set_top_k(-1); }, "top_k", "-1; must be 0 or more"},
    {"ClassesCountedButNotAskedFor", [](auto* r) { r->set_top_k(2); }, "top_k",
     "2; only allowed with PREDICTION_PART_CLASSES"},
    {"ThresholdOfNoClasses", [](auto* r) { r->set_threshold(0.25); }, "threshold",
     "0.25; only allowed with PREDICTION_PART_CLASSES"},
    {"ThresholdNotANumber", [](auto* r) { r->set_threshold(kNan); }, "threshold",
     "nan; must be in [0, 1]"},
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
              IsBadField("wrt[1]",
                         "8; must be GRADIENT_TARGET_PARAMETERS, GRADIENT_TARGET_INPUTS or "
                         "GRADIENT_TARGET_ACTIVATIONS"));
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

TEST(BadReadTest, WeightsNewerThanAStepBelowZeroAreRefused) {
  v1::GetWeightsRequest request;
  request.set_model("models/classes");
  request.set_if_newer_than_step(-1);
  v1::GetWeightsResponse response;
  EXPECT_THAT(Call(&Models::GetWeights, Shared().models(), request, &response),
              IsBadField("if_newer_than_step", "-1; must be 0 or more"));
}

TEST(BadReadTest, ChecksOfFewerThanNoSamplesAreRefused) {
  v1::CheckGradientsRequest request;
  request.set_model("models/sigmoid");
  *request.mutable_examples() = MakeExamples(2, 4, 1);
  request.set_samples(-1);
  v1::CheckGradientsResponse response;
  EXPECT_THAT(Call(&Training::CheckGradients, Shared().training(), request, &response),
              IsBadField("samples", "-1; must be 0 to 10000"));
}

// Calls `method` with a request for a model that is not there.
template <typename Stub, typename Request, typename Response>
grpc::Status CallUnknown(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                      Response*),
                         Stub& stub) {
  Request request;
  request.set_model("models/nobody");
  Response response;
  return Call(method, stub, request, &response);
}

TEST(BadReadTest, ModelsThatAreNotThereAreNotFound) {
  const auto is_not_found = IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND");
  EXPECT_THAT(CallUnknown(&Prediction::Predict, Shared().prediction()), is_not_found);
  EXPECT_THAT(CallUnknown(&Training::Evaluate, Shared().training()), is_not_found);
  EXPECT_THAT(CallUnknown(&Training::GetGradients, Shared().training()), is_not_found);
  EXPECT_THAT(CallUnknown(&Training::CheckGradients, Shared().training()), is_not_found);
  EXPECT_THAT(CallUnknown(&Training::ApplyGradients, Shared().training()), is_not_found);
  EXPECT_THAT(CallUnknown(&Models::GetWeights, Shared().models()), is_not_found);
  EXPECT_THAT(CallUnknown(&Models::SetWeights, Shared().models()), is_not_found);
}

TEST(BadReadTest, AThresholdBeyondOneIsRefused) {
  v1::EvaluateRequest request;
  request.set_model("models/sigmoid");
  *request.mutable_examples() = MakeExamples(2, 4, 1);
  request.set_threshold(1.5);
  v1::EvaluateResponse response;
  EXPECT_THAT(Call(&Training::Evaluate, Shared().training(), request, &response),
              IsBadField("threshold", "1.5; must be in [0, 1]"));
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
    {"Nothing", [](auto* r) { r->clear_layers(); }, "layers",
     "no tensors; at least one is required"},
    {"NoSuchLayer", [](auto* r) { r->mutable_layers(0)->set_index(1); }, "layers[0].index",
     "1; must be 0 to 0"},
    {"LayerNamedTwice", [](auto* r) { *r->add_layers() = r->layers(0); }, "layers[1].index",
     "0; is named twice, must be named once"},
    {"WrongShape",
     [](auto* r) {
       *r->mutable_layers(0)->mutable_weights() = MakeTensor({4, 1}, {1, 2, 3, 4});
     },
     "layers[0].weights.shape", "[4, 1]; layer 0 of model 'sigmoid' has [1, 4]"},
    {"NotFinite", [](auto* r) { r->mutable_layers(0)->mutable_weights()->set_values(2, kInf); },
     "layers[0].weights", "row 0, column 2: inf; must be finite"},
    {"StepBelowZero", [](auto* r) { r->set_if_step(-1); }, "if_step", "-1; must be 0 or more"},
};
INSTANTIATE_TEST_SUITE_P(Every, BadSetWeightsTest, ::testing::ValuesIn(kBadSets), NameOf());

TEST(BadUpdateTest, WhatCannotChangeIsRefused) {
  v1::UpdateModelRequest request;
  request.mutable_model()->set_name("models/sigmoid");
  request.mutable_update_mask()->add_paths("spec.seed");
  v1::Model model;
  EXPECT_THAT(Call(&Models::UpdateModel, Shared().models(), request, &model),
              IsBadField("update_mask.paths[0]", "'spec.seed'; must be labels or"));
}

TEST(BadUpdateTest, ALearningRateOfZeroIsRefused) {
  v1::UpdateModelRequest request;
  request.mutable_model()->set_name("models/sigmoid");
  request.mutable_model()->mutable_spec()->mutable_optimizer()->set_learning_rate(0);
  request.mutable_update_mask()->add_paths("spec.optimizer.learning_rate");
  v1::Model model;
  EXPECT_THAT(Call(&Models::UpdateModel, Shared().models(), request, &model),
              IsBadField("model.spec.optimizer.learning_rate", "0; must be finite and above 0"));
}

TEST(BadListTest, PagesAndFiltersAreChecked) {
  v1::ListModelsResponse response;
  v1::ListModelsRequest request;
  request.set_page_size(-1);
  EXPECT_THAT(Call(&Models::ListModels, Shared().models(), request, &response),
              IsBadField("page_size", "-1; must be 0 or more"));
  request.Clear();
  request.set_page_token("made up");
  EXPECT_THAT(Call(&Models::ListModels, Shared().models(), request, &response),
              IsBadField("page_token", "'made up'; must be empty or the next_page_token"));
  request.Clear();
  request.set_filter("owner = me");
  EXPECT_THAT(Call(&Models::ListModels, Shared().models(), request, &response),
              IsBadField("filter", "'owner = me'; must be conditions"));
}

}  // namespace
}  // namespace chainrule::test
