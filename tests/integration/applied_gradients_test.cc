// ApplyGradients over a socket: what gradients of GetGradients do to a model, which of them
// are refused, and that a request_id makes it happen once.
#include <string>
#include <thread>
#include <vector>

#include "client/lib/client.h"
#include "tests/integration/bad_request.h"

namespace chainrule::test {
namespace {

class ApplyGradientsTest : public ::testing::Test {
 protected:
  ApplyGradientsTest() {
    server_.Create("m", MakeSpec({8, 16, 1}));
    server_.Create("twin", MakeSpec({8, 16, 1}));
  }

  v1::GetGradientsResponse Gradients(const v1::Examples& examples) {
    v1::GetGradientsRequest request;
    request.set_model("models/m");
    *request.mutable_examples() = examples;
    v1::GetGradientsResponse response;
    EXPECT_THAT(Call(&Training::GetGradients, server_.training(), request, &response), IsOk());
    return response;
  }
  void Add(const v1::GetGradientsResponse& gradients, v1::ApplyGradientsRequest* request) {
    request->set_model("models/m");
    v1::GradientContribution* contribution = request->add_contributions();
    *contribution->mutable_layers() = gradients.layers();
    contribution->set_weight(gradients.weight_sum());
    contribution->set_base_step(gradients.model_step());
  }
  v1::ApplyGradientsRequest OfExamples(const v1::Examples& examples) {
    v1::ApplyGradientsRequest request;
    Add(Gradients(examples), &request);
    return request;
  }
  grpc::Status Apply(const v1::ApplyGradientsRequest& request,
                     v1::ApplyGradientsResponse* response) {
    return Call(&Training::ApplyGradients, server_.training(), request, response);
  }
  v1::GetWeightsResponse Weights(const std::string& model) {
    v1::GetWeightsRequest request;
    request.set_model(model);
    v1::GetWeightsResponse response;
    EXPECT_THAT(Call(&Models::GetWeights, server_.models(), request, &response), IsOk());
    return response;
  }

  TestServer server_;
};

TEST_F(ApplyGradientsTest, StepsOnABatchsGradientsAreThoseOfTrain) {
  for (int64_t step = 0; step < 5; ++step) {
    const v1::Examples examples = MakeExamples(20, 8, 1, static_cast<uint32_t>(step));
    v1::ApplyGradientsResponse applied;
    ASSERT_THAT(Apply(OfExamples(examples), &applied), IsOk());
    EXPECT_EQ(applied.model_step(), step + 1);
    EXPECT_EQ(applied.durable_step(), step + 1);
    EXPECT_FALSE(applied.replayed());
    v1::TrainResponse trained;
    ASSERT_THAT(
        Call(&Training::Train, server_.training(), MakeTrain("models/twin", examples), &trained),
        IsOk());
  }
  EXPECT_EQ(Weights("models/m").SerializeAsString(), Weights("models/twin").SerializeAsString());
}

TEST_F(ApplyGradientsTest, TwoWorkersHalvesAreOneBatch) {
  v1::Examples whole = MakeExamples(20, 8, 1);
  v1::Examples halves[2];
  const auto take = [&](int from, int count, v1::Examples* half) {
    const auto& inputs = whole.inputs().values();
    const auto& targets = whole.targets().values();
    *half->mutable_inputs() =
        MakeTensor({count, 8}, {inputs.begin() + from * 8, inputs.begin() + (from + count) * 8});
    *half->mutable_targets() =
        MakeTensor({count, 1}, {targets.begin() + from, targets.begin() + from + count});
  };
  take(0, 5, &halves[0]);
  take(5, 15, &halves[1]);
  v1::ApplyGradientsRequest request;
  for (const v1::Examples& half : halves) Add(Gradients(half), &request);
  v1::ApplyGradientsResponse applied;
  ASSERT_THAT(Apply(request, &applied), IsOk());
  v1::TrainResponse trained;
  ASSERT_THAT(Call(&Training::Train, server_.training(), MakeTrain("models/twin", whole), &trained),
              IsOk());
  const v1::GetWeightsResponse mine = Weights("models/m"), twins = Weights("models/twin");
  for (int l = 0; l < 2; ++l) {
    EXPECT_THAT(
        mine.layers(l).weights().values(),
        ::testing::Pointwise(::testing::FloatNear(1e-7F), twins.layers(l).weights().values()));
  }
}

TEST_F(ApplyGradientsTest, ARepeatIsReplayedAndOtherContentIsRefused) {
  v1::ApplyGradientsRequest request = OfExamples(MakeExamples(10, 8, 1));
  request.set_request_id(NewRequestId());
  request.set_if_step(0);
  request.set_max_staleness(0);
  std::vector<v1::ApplyGradientsResponse> responses(6);
  std::vector<std::thread> callers;
  for (v1::ApplyGradientsResponse& response : responses) {
    callers.emplace_back([&] { EXPECT_THAT(Apply(request, &response), IsOk()); });
  }
  for (std::thread& caller : callers) caller.join();
  int replayed = 0;
  for (const v1::ApplyGradientsResponse& response : responses) {
    EXPECT_EQ(response.model_step(), 1);
    replayed += response.replayed() ? 1 : 0;
  }
  EXPECT_EQ(replayed, 5);
  EXPECT_EQ(server_.Get("m").step(), 1);
  request.mutable_contributions(0)->set_weight(3);
  v1::ApplyGradientsResponse other;
  EXPECT_THAT(Apply(request, &other), IsError(grpc::ALREADY_EXISTS, "REQUEST_ID_REUSED"));
}

TEST_F(ApplyGradientsTest, StaleGradientsAreAbortedWithTheStep) {
  v1::ApplyGradientsRequest request = OfExamples(MakeExamples(10, 8, 1));
  request.set_max_staleness(1);
  v1::ApplyGradientsResponse response;
  ASSERT_THAT(Apply(request, &response), IsOk());
  ASSERT_THAT(Apply(request, &response), IsOk());
  const grpc::Status status = Apply(request, &response);
  EXPECT_THAT(status, IsError(grpc::ABORTED, "STALE_GRADIENTS"));
  EXPECT_EQ(DetailsOf(status).metadata["model_step"], "2");
  EXPECT_EQ(DetailsOf(status).metadata["base_step"], "0");
  EXPECT_EQ(DetailsOf(status).metadata["max_staleness"], "1");
  request.clear_max_staleness();
  EXPECT_THAT(Apply(request, &response), IsOk());
}

TEST_F(ApplyGradientsTest, AStepConditionNamesTheCurrentStep) {
  v1::ApplyGradientsRequest request = OfExamples(MakeExamples(10, 8, 1));
  request.set_if_step(3);
  v1::ApplyGradientsResponse response;
  const grpc::Status status = Apply(request, &response);
  EXPECT_THAT(status, IsError(grpc::ABORTED, "STEP_MISMATCH"));
  EXPECT_EQ(DetailsOf(status).metadata["model_step"], "0");
}

TEST_F(ApplyGradientsTest, DivergenceKeepsTheModel) {
  v1::ApplyGradientsRequest request = OfExamples(MakeExamples(10, 8, 1));
  v1::ModelSpec spec = MakeSpec({8, 16, 1});
  spec.mutable_optimizer()->set_learning_rate(1e30);
  server_.Create("wild", spec);
  request.set_model("models/wild");
  request.mutable_contributions(0)->mutable_layers(0)->mutable_biases()->set_values(3, 1e30F);
  v1::ApplyGradientsResponse response;
  const grpc::Status status = Apply(request, &response);
  EXPECT_THAT(status, IsError(grpc::FAILED_PRECONDITION, "DIVERGED"));
  EXPECT_EQ(DetailsOf(status).metadata["model_step"], "0");
  EXPECT_EQ(server_.Get("wild").step(), 0);
}

TEST_F(ApplyGradientsTest, TheClientLibraryHasThem) {
  client::Target target;
  target.address = server_.server().grpc_address();
  const auto client = client::Client::Create(target);
  ASSERT_TRUE(client.ok());
  v1::ApplyGradientsRequest request = OfExamples(MakeExamples(10, 8, 1));
  const auto applied = (*client)->ApplyGradients(request);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->model_step(), 1);
  request.set_if_step(0);
  EXPECT_EQ((*client)->ApplyGradients(request).status().code(), absl::StatusCode::kAborted);
}

TEST_F(ApplyGradientsTest, WhatWasAppliedIsThereAfterAnEnd) {
  const TempFolder folder;
  server::Options options = TestOptions();
  options.data_dir = folder.path() + "/data";
  v1::ApplyGradientsRequest request = OfExamples(MakeExamples(10, 8, 1));
  request.set_request_id(NewRequestId());
  for (const bool again : {false, true}) {
    TestServer server(options);
    if (!again) server.Create("m", MakeSpec({8, 16, 1}));
    v1::ApplyGradientsResponse response;
    ASSERT_THAT(Call(&Training::ApplyGradients, server.training(), request, &response), IsOk());
    EXPECT_EQ(response.replayed(), again);
    EXPECT_EQ(server.Get("m").step(), 1);
  }
}

// --- What is refused ----------------------------------------------------------

using BadApply = BadCase<v1::ApplyGradientsRequest>;
class BadApplyTest : public ::testing::TestWithParam<BadApply> {};

TEST_P(BadApplyTest, IsRefusedByFieldAndTakesNoStep) {
  v1::ApplyGradientsRequest request;
  request.set_model("models/sigmoid");
  v1::LayerTensors* layer = request.add_contributions()->add_layers();
  *layer->mutable_weights() = MakeTensor({1, 4}, {1, 2, 3, 4});
  *request.add_contributions() = request.contributions(0);
  GetParam().spoil(&request);
  v1::ApplyGradientsResponse response;
  EXPECT_THAT(Call(&Training::ApplyGradients, Shared().training(), request, &response),
              IsBadField(std::string(GetParam().field), std::string(GetParam().text)));
  EXPECT_EQ(Shared().Get("sigmoid").step(), 0);
}

v1::LayerTensors* Second(v1::ApplyGradientsRequest* request) {
  return request->mutable_contributions(1)->mutable_layers(0);
}

const BadApply kBadApplies[] = {
    {"NotAName", [](auto* r) { r->set_model("sigmoid"); }, "model", "'sigmoid'"},
    {"AVersion", [](auto* r) { r->set_model("models/sigmoid@1"); }, "model",
     "'models/sigmoid@1'; must name the live model"},
    {"NoContributions", [](auto* r) { r->clear_contributions(); }, "contributions",
     "none; at least one is required"},
    {"NoTensors", [](auto* r) { Second(r)->clear_weights(); }, "contributions[1].layers",
     "no tensors; at least one is required"},
    {"NoSuchLayer", [](auto* r) { Second(r)->set_index(1); }, "contributions[1].layers[0].index",
     "1; must be 0 to 0"},
    {"LayerNamedTwice", [](auto* r) { *r->mutable_contributions(1)->add_layers() = *Second(r); },
     "contributions[1].layers[1].index", "0; is named twice, must be named once"},
    {"WrongShape",
     [](auto* r) {
       *Second(r)->mutable_weights() = MakeTensor({4, 1}, {1, 2, 3, 4});
     },
     "contributions[1].layers[0].weights.shape", "[4, 1]; layer 0 of model 'sigmoid' has [1, 4]"},
    {"NotFinite", [](auto* r) { Second(r)->mutable_weights()->set_values(2, kNan); },
     "contributions[1].layers[0].weights", "row 0, column 2: nan; must be finite"},
    {"WeightZero", [](auto* r) { r->mutable_contributions(1)->set_weight(0); },
     "contributions[1].weight", "0; must be finite and above 0"},
    {"WeightInfinite", [](auto* r) { r->mutable_contributions(0)->set_weight(kInf); },
     "contributions[0].weight", "inf; must be finite"},
    {"BaseOfTheFuture", [](auto* r) { r->mutable_contributions(1)->set_base_step(1); },
     "contributions[1].base_step", "1; must be 0 to 0"},
    {"StalenessWithoutABase",
     [](auto* r) {
       r->set_max_staleness(3);
       r->mutable_contributions(0)->set_base_step(0);
     },
     "contributions[1].base_step", "unset; max_staleness requires each one"},
    {"StepBelowZero", [](auto* r) { r->set_if_step(-1); }, "if_step", "-1; must be 0 or more"},
    {"NoUuid", [](auto* r) { r->set_request_id("mine"); }, "request_id", "'mine'; must be a UUID"},
};
INSTANTIATE_TEST_SUITE_P(Every, BadApplyTest, ::testing::ValuesIn(kBadApplies), NameOf());

TEST(UnknownModelTest, AModelThatIsNoneIsNotFound) {
  v1::ApplyGradientsRequest request;
  request.set_model("models/none");
  v1::ApplyGradientsResponse response;
  EXPECT_THAT(Call(&Training::ApplyGradients, Shared().training(), request, &response),
              IsError(grpc::NOT_FOUND, "MODEL_NOT_FOUND"));
}

}  // namespace
}  // namespace chainrule::test
