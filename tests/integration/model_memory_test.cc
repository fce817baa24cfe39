// Models that do not fit in memory together, over a socket: they leave it, come back, and
// nobody can tell but by the time it takes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/error_details.h"
#include "tests/support/http_client.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
using Prediction = v1::PredictionService::Stub;

constexpr int kModels = 6;
constexpr int64_t kWidth = 200;
// Some two of the models below, with what predictions and trainings add.
constexpr int64_t kBudget = 1'000'000;

server::Options SmallMemory() {
  server::Options options = TestOptions();
  options.model_memory = kBudget;
  options.http_listen = "127.0.0.1:0";
  return options;
}

std::string IdOf(int model) { return absl::StrCat("m", model); }

class ModelMemoryTest : public ::testing::Test {
 protected:
  ModelMemoryTest() {
    for (int i = 0; i < kModels; ++i) {
      v1::ModelSpec spec = MakeSpec({kWidth, kWidth, 3});
      spec.set_seed(i);
      server_.Create(IdOf(i), spec);
    }
  }

  v1::PredictResponse Predict(const std::string& name) {
    v1::PredictRequest request;
    request.set_model("models/" + name);
    *request.mutable_inputs() = MakeExamples(2, kWidth, 3).inputs();
    v1::PredictResponse response;
    EXPECT_THAT(Call(&Prediction::Predict, server_.prediction(), request, &response), IsOk());
    return response;
  }
  v1::TrainResponse Train(int model, const std::string& request_id = "") {
    v1::TrainRequest request = MakeTrain("models/" + IdOf(model), MakeExamples(5, kWidth, 3));
    request.set_request_id(request_id);
    v1::TrainResponse response;
    EXPECT_THAT(Call(&Training::Train, server_.training(), request, &response), IsOk());
    return response;
  }
  double Metric(const std::string& name) {
    const HttpReply page = HttpGet(server_.server().http_port(), "/metrics");
    for (const absl::string_view line : absl::StrSplit(page.body, '\n')) {
      const std::pair<std::string, std::string> words = absl::StrSplit(line, ' ');
      if (words.first == name) return std::stod(words.second);
    }
    ADD_FAILURE() << name << " is not in\n" << page.body;
    return 0;
  }
  void WaitForBudget() {
    while (Metric("chainrule_model_memory_bytes") > kBudget) {
    }
  }

  TestServer server_{SmallMemory()};
};

TEST_F(ModelMemoryTest, EveryModelAnswersAsBeforeWithinTheBudget) {
  std::map<int, std::string> first;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < kModels; ++i) {
      const std::string answer = Predict(IdOf(i)).SerializeAsString();
      EXPECT_EQ(first.emplace(i, answer).first->second, answer);
    }
    WaitForBudget();
    EXPECT_LT(Metric("chainrule_models_in_memory"), kModels);
    EXPECT_EQ(Metric("chainrule_models"), kModels);
    EXPECT_EQ(Metric("chainrule_model_memory_budget_bytes"), kBudget);
  }
}

TEST_F(ModelMemoryTest, HealthAndStateStayAndMemoryIsToldTruly) {
  for (int i = 0; i < kModels; ++i) Predict(IdOf(i));
  WaitForBudget();
  int cold = 0;
  for (int i = 0; i < kModels; ++i) {
    grpc::health::v1::HealthCheckRequest check;
    check.set_service("chainrule.v1/models/" + IdOf(i));
    grpc::health::v1::HealthCheckResponse health;
    ASSERT_THAT(Call(&grpc::health::v1::Health::Stub::Check, server_.health(), check, &health),
                IsOk());
    EXPECT_EQ(health.status(), grpc::health::v1::HealthCheckResponse::SERVING);
    const v1::Model model = server_.Get(IdOf(i));
    EXPECT_EQ(model.state(), v1::MODEL_STATE_READY);
    const int64_t parameters = 4 * model.parameter_count();
    if (model.memory_bytes() < parameters) ++cold;
  }
  EXPECT_GE(cold, 2);
}

TEST_F(ModelMemoryTest, TrainingGoesOnWhereItWasAndRepeatsAreAnswered) {
  const std::string id = NewRequestId();
  const v1::TrainResponse once = Train(0, id);
  EXPECT_EQ(once.model_step(), 1);
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i < kModels; ++i) Predict(IdOf(i));
    WaitForBudget();
    const v1::TrainResponse repeat = Train(0, id);
    EXPECT_TRUE(repeat.replayed());
    EXPECT_EQ(repeat.loss(), once.loss());
    EXPECT_EQ(Train(0).model_step(), 2 + round);
  }
}

TEST_F(ModelMemoryTest, VersionsComeBackToo) {
  v1::PublishVersionRequest publish;
  publish.set_model("models/m0");
  v1::ModelVersion version;
  ASSERT_THAT(Call(&Models::PublishVersion, server_.models(), publish, &version), IsOk());
  const std::string then = Predict("m0@1").SerializeAsString();
  Train(0);
  for (int round = 0; round < 2; ++round) {
    for (int i = 1; i < kModels; ++i) Predict(IdOf(i));
    WaitForBudget();
    EXPECT_EQ(Predict("m0@1").SerializeAsString(), then);
    EXPECT_EQ(Predict("m0").model_step(), 1);
  }
}

}  // namespace
}  // namespace chainrule::test
