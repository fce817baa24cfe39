// Versions, aliases, copies and restarts, over a socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;

class VersionsTest : public ::testing::Test {
 protected:
  VersionsTest() {
    options_.data_dir = folder_.path() + "/data";
    server_.emplace(options_);
    server_->Create("m", MakeSpec({4, 3, 1}));
  }

  void Restart() {
    server_.reset();
    server_.emplace(options_);
  }
  void Step() {
    v1::TrainResponse response;
    ASSERT_THAT(Call(&Training::Train, server_->training(),
                     MakeTrain("models/m", MakeExamples(5, 4, 1)), &response),
                IsOk());
  }
  v1::ModelVersion Publish() {
    v1::PublishVersionRequest request;
    request.set_model("models/m");
    (*request.mutable_labels())["why"] = "test";
    v1::ModelVersion version;
    EXPECT_THAT(Call(&Models::PublishVersion, server_->models(), request, &version), IsOk());
    return version;
  }
  grpc::Status Alias(const std::string& alias, int64_t version, v1::Model* model) {
    v1::SetAliasRequest request;
    request.set_model("models/m");
    request.set_alias(alias);
    request.set_version(version);
    return Call(&Models::SetAlias, server_->models(), request, model);
  }
  grpc::Status Predict(const std::string& name, v1::PredictResponse* response) {
    v1::PredictRequest request;
    request.set_model(name);
    *request.mutable_inputs() = MakeExamples(2, 4, 1).inputs();
    return Call(&v1::PredictionService::Stub::Predict, server_->prediction(), request, response);
  }

  const TempFolder folder_;
  server::Options options_ = TestOptions();
  std::optional<TestServer> server_;
};

TEST_F(VersionsTest, ReadersSeeTheVersionTheyName) {
  v1::PredictResponse at_0;
  ASSERT_THAT(Predict("models/m", &at_0), IsOk());
  EXPECT_EQ(Publish().name(), "models/m@1");
  Step();
  v1::Model model;
  ASSERT_THAT(Alias("prod", 1, &model), IsOk());
  EXPECT_EQ(model.aliases().at("prod"), 1);
  for (int life = 0; life < 2; ++life) {
    v1::PredictResponse live, version, alias;
    ASSERT_THAT(Predict("models/m", &live), IsOk());
    ASSERT_THAT(Predict("models/m@1", &version), IsOk());
    ASSERT_THAT(Predict("models/m@prod", &alias), IsOk());
    EXPECT_EQ(live.version(), 0);
    EXPECT_EQ(live.model_step(), 1);
    EXPECT_EQ(version.version(), 1);
    EXPECT_EQ(version.model_step(), 0);
    EXPECT_EQ(version.outputs().SerializeAsString(), at_0.outputs().SerializeAsString());
    EXPECT_EQ(alias.SerializeAsString(), version.SerializeAsString());
    v1::GetWeightsRequest weights;
    weights.set_model("models/m@prod");
    v1::GetWeightsResponse read;
    EXPECT_THAT(Call(&Models::GetWeights, server_->models(), weights, &read), IsOk());
    EXPECT_EQ(read.model_step(), 0);
    v1::EvaluateRequest evaluate;
    evaluate.set_model("models/m@1");
    *evaluate.mutable_examples() = MakeExamples(5, 4, 1);
    v1::EvaluateResponse evaluated;
    EXPECT_THAT(Call(&Training::Evaluate, server_->training(), evaluate, &evaluated), IsOk());
    EXPECT_EQ(evaluated.model_step(), 0);
    Restart();
  }
}

TEST_F(VersionsTest, VersionsAreListedInPagesAndDeleted) {
  for (int i = 0; i < 3; ++i) Publish();
  v1::ListModelVersionsRequest list;
  list.set_parent("models/m");
  list.set_page_size(2);
  v1::ListModelVersionsResponse page;
  ASSERT_THAT(Call(&Models::ListModelVersions, server_->models(), list, &page), IsOk());
  ASSERT_EQ(page.model_versions_size(), 2);
  EXPECT_EQ(page.model_versions(0).labels().at("why"), "test");
  list.set_page_token(page.next_page_token());
  ASSERT_THAT(Call(&Models::ListModelVersions, server_->models(), list, &page), IsOk());
  ASSERT_EQ(page.model_versions_size(), 1);
  EXPECT_EQ(page.model_versions(0).name(), "models/m@3");
  EXPECT_EQ(page.next_page_token(), "");
  v1::DeleteModelVersionRequest remove;
  remove.set_name("models/m@3");
  google::protobuf::Empty empty;
  EXPECT_THAT(Call(&Models::DeleteModelVersion, server_->models(), remove, &empty), IsOk());
  v1::GetModelVersionRequest get;
  get.set_name("models/m@3");
  v1::ModelVersion version;
  const grpc::Status gone = Call(&Models::GetModelVersion, server_->models(), get, &version);
  EXPECT_THAT(gone, IsError(grpc::NOT_FOUND, "VERSION_NOT_FOUND"));
  EXPECT_EQ(DetailsOf(gone).resource_name, "models/m@3");
}

TEST_F(VersionsTest, RestoreIsOneMoreStepAndHappensOnce) {
  Publish();
  Step();
  v1::RestoreVersionRequest request;
  request.set_model("models/m");
  request.set_version("1");
  request.set_if_step(1);
  request.set_request_id(NewRequestId());
  for (int life = 0; life < 2; ++life) {
    v1::Model model;
    ASSERT_THAT(Call(&Models::RestoreVersion, server_->models(), request, &model), IsOk());
    EXPECT_EQ(model.step(), 2);
    Restart();
  }
  request.set_request_id("");
  v1::Model model;
  EXPECT_THAT(Call(&Models::RestoreVersion, server_->models(), request, &model),
              IsError(grpc::ABORTED, "STEP_MISMATCH"));
}

TEST_F(VersionsTest, RepeatsOfARestoreAnswerTheStoredReply) {
  Publish();
  Step();
  v1::RestoreVersionRequest request;
  request.set_model("models/m");
  request.set_version("1");
  request.set_request_id(NewRequestId());
  v1::Model first;
  ASSERT_THAT(Call(&Models::RestoreVersion, server_->models(), request, &first), IsOk());
  Step();
  v1::Model changed;
  ASSERT_THAT(Alias("prod", 1, &changed), IsOk());
  for (int life = 0; life < 2; ++life) {
    v1::Model repeat;
    ASSERT_THAT(Call(&Models::RestoreVersion, server_->models(), request, &repeat), IsOk());
    EXPECT_EQ(repeat.DebugString(), first.DebugString());
    Restart();
  }
  EXPECT_EQ(server_->Get("m").step(), 3);
}

TEST_F(VersionsTest, CopyOfAVersionIsTrainedByItself) {
  Step();
  Publish();
  v1::CopyModelRequest request;
  request.set_source("models/m@1");
  request.set_model_id("fork");
  v1::Model fork;
  ASSERT_THAT(Call(&Models::CopyModel, server_->models(), request, &fork), IsOk());
  EXPECT_EQ(fork.name(), "models/fork");
  EXPECT_EQ(fork.step(), 1);
  Step();
  EXPECT_EQ(server_->Get("fork").step(), 1);
  EXPECT_THAT(Call(&Models::CopyModel, server_->models(), request, &fork),
              IsError(grpc::ALREADY_EXISTS, "MODEL_EXISTS"));
}

TEST_F(VersionsTest, BadNamesAreToldByField) {
  v1::Model model;
  v1::ModelVersion version;
  google::protobuf::Empty empty;
  v1::PredictResponse predicted;
  EXPECT_THAT(Predict("models/m@9", &predicted), IsError(grpc::NOT_FOUND, "VERSION_NOT_FOUND"));
  EXPECT_THAT(Predict("models/m@0", &predicted),
              IsBadField("model",
                         "'models/m@0'; must be models/{model}, models/{model}@{version} or "
                         "models/{model}@{alias}"));
  EXPECT_THAT(Alias("Prod!", 1, &model), IsBadField("alias", "'Prod!'; must be [a-z]"));
  EXPECT_THAT(Alias("prod", 0, &model), IsBadField("version", "0; must be 1 or more"));
  EXPECT_THAT(Alias("prod", 1, &model), IsError(grpc::NOT_FOUND, "VERSION_NOT_FOUND"));
  v1::GetModelVersionRequest get;
  get.set_name("models/m");
  EXPECT_THAT(Call(&Models::GetModelVersion, server_->models(), get, &version),
              IsBadField("name", "'models/m'; must name a version"));
  v1::DeleteModelVersionRequest remove;
  remove.set_name("models/m@prod");
  EXPECT_THAT(Call(&Models::DeleteModelVersion, server_->models(), remove, &empty),
              IsBadField("name", "'models/m@prod'; must name a version by its number"));
  v1::PublishVersionRequest publish;
  publish.set_model("models/m@1");
  EXPECT_THAT(Call(&Models::PublishVersion, server_->models(), publish, &version),
              IsBadField("model", "'models/m@1'; must name the live model"));
  publish.set_model("models/m");
  publish.set_if_step(-1);
  EXPECT_THAT(Call(&Models::PublishVersion, server_->models(), publish, &version),
              IsBadField("if_step", "-1; must be 0 or more"));
  v1::RestoreVersionRequest restore;
  restore.set_model("models/m");
  EXPECT_THAT(Call(&Models::RestoreVersion, server_->models(), restore, &model),
              IsBadField("version", "''; must be a version's number or an alias"));
  v1::ListModelVersionsRequest list;
  list.set_parent("models/m");
  list.set_page_token("x");
  v1::ListModelVersionsResponse page;
  EXPECT_THAT(Call(&Models::ListModelVersions, server_->models(), list, &page),
              IsBadField("page_token", "'x'; must be empty or the next_page_token"));
  v1::CopyModelRequest copy;
  copy.set_source("models/m");
  EXPECT_THAT(Call(&Models::CopyModel, server_->models(), copy, &model),
              IsBadField("model_id", "''; must be [a-z]"));
}

}  // namespace
}  // namespace chainrule::test
