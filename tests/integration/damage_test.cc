// A model whose file of weights was damaged on the disk, or whose last record in the log was,
// over a socket: each call says so, the list and the other models do not suffer, and its owner
// can put it right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "inference/grpc_service.grpc.pb.h"
#include "server/store/check_folder.h"
#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using ::testing::HasSubstr;
using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
using Prediction = v1::PredictionService::Stub;
using Health = grpc::health::v1::Health::Stub;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class DamageTest : public ::testing::Test {
 protected:
  // "m" at step 2, with a version of step 1, and "other"; then "m" loses its checkpoint.
  DamageTest() {
    options_.data_dir = folder_.path() + "/data";
    server_.emplace(options_);
    uid_ = server_->Create("m", MakeSpec({4, 3, 1})).uid();
    server_->Create("other", MakeSpec({4, 3, 1}));
    EXPECT_THAT(Train("m"), IsOk());
    Publish();
    EXPECT_THAT(Train("m"), IsOk());
    server_.reset();
    DamageCheckpoint();
    server_.emplace(options_);
  }

  void DamageCheckpoint() {
    int damaged = 0;
    for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir + "/weights")) {
      const std::string name = entry.path().filename();
      if (name.find(uid_ + "-checkpoint-") != 0) continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(-3, std::ios::end);
      file.put('\x55');
      ++damaged;
    }
    ASSERT_EQ(damaged, 1);
  }
  void Publish() {
    v1::PublishVersionRequest request;
    request.set_model("models/m");
    v1::ModelVersion version;
    EXPECT_THAT(Call(&Models::PublishVersion, server_->models(), request, &version), IsOk());
  }
  grpc::Status Train(const std::string& id) {
    v1::TrainResponse response;
    return Call(&Training::Train, server_->training(),
                MakeTrain("models/" + id, MakeExamples(5, 4, 1)), &response);
  }
  grpc::Status Predict(const std::string& name, v1::PredictResponse* response) {
    v1::PredictRequest request;
    request.set_model(name);
    *request.mutable_inputs() = MakeExamples(2, 4, 1).inputs();
    return Call(&Prediction::Predict, server_->prediction(), request, response);
  }
  HealthCheckResponse::ServingStatus HealthOf(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    EXPECT_THAT(Call(&Health::Check, server_->health(), request, &response), IsOk());
    return response.status();
  }
  void ExpectOthersServe() {
    v1::PredictResponse response;
    EXPECT_THAT(Predict("models/other", &response), IsOk());
    EXPECT_THAT(Train("other"), IsOk());
    EXPECT_EQ(HealthOf("chainrule.v1/models/other"), HealthCheckResponse::SERVING);
    EXPECT_EQ(HealthOf(""), HealthCheckResponse::SERVING);
  }

  const TempFolder folder_;
  server::Options options_ = TestOptions();
  std::optional<TestServer> server_;
  std::string uid_;
};

MATCHER(IsDamaged, "") {
  const ErrorDetails details = DetailsOf(arg);
  *result_listener << details.message;
  return details.code == grpc::DATA_LOSS && details.reason == "MODEL_DAMAGED" &&
         details.metadata.at("model") == "models/m" &&
         details.message.find(".safetensors: digest") != std::string::npos &&
         details.message.find("restore a version") != std::string::npos;
}

TEST_F(DamageTest, EveryCallOfItsNumbersSaysDataLossAndTheOthersAreServed) {
  v1::PredictResponse predicted;
  EXPECT_THAT(Predict("models/m", &predicted), IsDamaged());
  EXPECT_THAT(Train("m"), IsDamaged());
  v1::GetWeightsRequest weights;
  weights.set_model("models/m");
  v1::GetWeightsResponse read;
  EXPECT_THAT(Call(&Models::GetWeights, server_->models(), weights, &read), IsDamaged());
  v1::GetGradientsRequest gradients;
  gradients.set_model("models/m");
  *gradients.mutable_examples() = MakeExamples(5, 4, 1);
  v1::GetGradientsResponse differentiated;
  EXPECT_THAT(Call(&Training::GetGradients, server_->training(), gradients, &differentiated),
              IsDamaged());
  v1::EvaluateRequest evaluate;
  evaluate.set_model("models/m");
  *evaluate.mutable_examples() = MakeExamples(5, 4, 1);
  v1::EvaluateResponse evaluated;
  EXPECT_THAT(Call(&Training::Evaluate, server_->training(), evaluate, &evaluated), IsDamaged());
  v1::CopyModelRequest copy;
  copy.set_source("models/m");
  copy.set_model_id("copy");
  v1::Model copied;
  EXPECT_THAT(Call(&Models::CopyModel, server_->models(), copy, &copied), IsDamaged());
  grpc::ClientContext context;
  v1::ExportModelRequest exporting;
  exporting.set_model("models/m");
  auto stream = server_->models().ExportModel(&context, exporting);
  v1::ExportModelResponse chunk;
  EXPECT_FALSE(stream->Read(&chunk));
  EXPECT_THAT(stream->Finish(), IsDamaged());
  ExpectOthersServe();
}

TEST_F(DamageTest, ItIsListedAsFailedWithItsFactsAndHealthSaysSo) {
  v1::PredictResponse predicted;
  EXPECT_THAT(Predict("models/m", &predicted), IsDamaged());
  const v1::Model model = server_->Get("m");
  EXPECT_EQ(model.state(), v1::MODEL_STATE_FAILED);
  EXPECT_EQ(model.uid(), uid_);
  EXPECT_EQ(model.step(), 2);
  EXPECT_EQ(model.spec().layers_size(), 2);
  v1::ListModelsResponse page;
  ASSERT_THAT(Call(&Models::ListModels, server_->models(), v1::ListModelsRequest(), &page), IsOk());
  ASSERT_EQ(page.models_size(), 2);
  EXPECT_EQ(page.models(0).SerializeAsString(), model.SerializeAsString());
  EXPECT_EQ(page.models(1).state(), v1::MODEL_STATE_READY);
  EXPECT_EQ(HealthOf("chainrule.v1/models/m"), HealthCheckResponse::NOT_SERVING);
  ExpectOthersServe();
}

TEST_F(DamageTest, TheOpenInferenceProtocolSaysTheSame) {
  const auto stub = inference::GRPCInferenceService::NewStub(server_->NewChannel());
  inference::ModelInferRequest infer;
  infer.set_model_name("m");
  auto* input = infer.add_inputs();
  input->set_name("input");
  input->set_datatype("FP32");
  input->add_shape(1);
  input->add_shape(4);
  for (int i = 0; i < 4; ++i) input->mutable_contents()->add_fp32_contents(1);
  inference::ModelInferResponse inferred;
  grpc::ClientContext context;
  EXPECT_THAT(stub->ModelInfer(&context, infer, &inferred), IsDamaged());
  inference::ModelReadyRequest ready;
  ready.set_name("m");
  inference::ModelReadyResponse answer;
  grpc::ClientContext other_context;
  EXPECT_THAT(stub->ModelReady(&other_context, ready, &answer), IsOk());
  EXPECT_FALSE(answer.ready());
}

TEST_F(DamageTest, AVersionIsStillServedAndPutsItRight) {
  v1::PredictResponse version, live;
  ASSERT_THAT(Predict("models/m@1", &version), IsOk());
  EXPECT_EQ(version.model_step(), 1);
  v1::RestoreVersionRequest restore;
  restore.set_model("models/m");
  restore.set_version("1");
  restore.set_request_id(NewRequestId());
  for (int life = 0; life < 2; ++life) {
    v1::Model model;
    ASSERT_THAT(Call(&Models::RestoreVersion, server_->models(), restore, &model), IsOk());
    EXPECT_EQ(model.step(), 3);
    EXPECT_EQ(model.state(), v1::MODEL_STATE_READY);
    ASSERT_THAT(Predict("models/m", &live), IsOk());
    EXPECT_EQ(live.outputs().SerializeAsString(), version.outputs().SerializeAsString());
    EXPECT_EQ(HealthOf("chainrule.v1/models/m"), HealthCheckResponse::SERVING);
    server_.reset();
    server_.emplace(options_);
  }
  EXPECT_THAT(Train("m"), IsOk());
  EXPECT_EQ(server_->Get("m").step(), 4);
}

TEST_F(DamageTest, AnImportPutsItRight) {
  std::vector<v1::ImportModelRequest> messages(1);
  grpc::ClientContext reading, writing;
  v1::ExportModelRequest exporting;
  exporting.set_model("models/m@1");
  auto from = server_->models().ExportModel(&reading, exporting);
  v1::ExportModelResponse chunk;
  while (from->Read(&chunk)) {
    if (chunk.has_header()) {
      messages[0].mutable_header()->set_model("models/m");
      messages[0].mutable_header()->set_total_bytes(chunk.header().total_bytes());
    } else {
      messages.emplace_back().set_data(chunk.data());
    }
  }
  ASSERT_THAT(from->Finish(), IsOk());
  v1::Model model;
  auto to = server_->models().ImportModel(&writing, &model);
  for (const v1::ImportModelRequest& message : messages) EXPECT_TRUE(to->Write(message));
  to->WritesDone();
  ASSERT_THAT(to->Finish(), IsOk());
  EXPECT_EQ(model.step(), 3);
  v1::PredictResponse version, live;
  ASSERT_THAT(Predict("models/m@1", &version), IsOk());
  ASSERT_THAT(Predict("models/m", &live), IsOk());
  EXPECT_EQ(live.outputs().SerializeAsString(), version.outputs().SerializeAsString());
}

TEST_F(DamageTest, ItCanBeDeletedAndMadeAnew) {
  EXPECT_THAT(Train("m"), IsDamaged());
  v1::DeleteModelRequest remove;
  remove.set_name("models/m");
  google::protobuf::Empty empty;
  ASSERT_THAT(Call(&Models::DeleteModel, server_->models(), remove, &empty), IsOk());
  for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir + "/weights")) {
    EXPECT_THAT(entry.path().string(), ::testing::Not(HasSubstr(uid_)));
  }
  server_->Create("m", MakeSpec({4, 3, 1}));
  EXPECT_THAT(Train("m"), IsOk());
  EXPECT_EQ(HealthOf("chainrule.v1/models/m"), HealthCheckResponse::SERVING);
}

// --- The last record of the log, where nothing behind it tells of it ---

class LastRecordTest : public ::testing::Test {
 protected:
  // "m" at step 3 and "other" at step 1, all acknowledged; and the folder as a process that
  // is killed then leaves it.
  LastRecordTest() {
    options_.data_dir = folder_.path() + "/running";
    TestServer running(options_);
    for (const char* id : {"other", "m"}) running.Create(id, MakeSpec({4, 3, 1}));
    EXPECT_THAT(Train(running, "other", NewRequestId()), IsOk());
    for (int i = 0; i < 2; ++i) EXPECT_THAT(Train(running, "m", NewRequestId()), IsOk());
    EXPECT_THAT(Train(running, "m", last_request_), IsOk());
    const std::string killed = folder_.path() + "/killed";
    std::filesystem::copy(options_.data_dir, killed, std::filesystem::copy_options::recursive);
    options_.data_dir = killed;
  }

  static grpc::Status Train(TestServer& server, const std::string& id,
                            const std::string& request_id) {
    v1::TrainRequest request = MakeTrain("models/" + id, MakeExamples(5, 4, 1));
    request.set_request_id(request_id);
    v1::TrainResponse response;
    return Call(&Training::Train, server.training(), request, &response);
  }
  std::string LogPath() const {
    for (const auto& entry : std::filesystem::directory_iterator(options_.data_dir + "/log")) {
      return entry.path();
    }
    return "";
  }
  server::FolderReport Check() const {
    return *server::CheckFolder(options_.data_dir, &server::PosixFileSystem());
  }

  const TempFolder folder_;
  const std::string last_request_ = NewRequestId();
  server::Options options_ = TestOptions();
};

TEST_F(LastRecordTest, WhoLostItIsFailedAndTheRepeatIsNotAppliedAsNew) {
  const std::string path = LogPath();
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary)
      .seekp(-3, std::ios::end)
      .put('\x55');
  const server::FolderReport report = Check();
  ASSERT_EQ(report.findings.size(), 2U);
  EXPECT_THAT(report.findings[0], HasSubstr(path + ": a damaged record at byte "));
  EXPECT_THAT(report.findings[1], HasSubstr("models/m: lost records: " + path));
  EXPECT_EQ(report.log_records, 3);
  for (int life = 0; life < 2; ++life) {  // until somebody decides
    TestServer server(options_);
    const ErrorDetails details = DetailsOf(Train(server, "m", last_request_));
    EXPECT_EQ(details.code, grpc::DATA_LOSS);
    EXPECT_EQ(details.reason, "MODEL_DAMAGED");
    EXPECT_THAT(details.message, HasSubstr(path + ": a damaged record at byte "));
    EXPECT_EQ(server.Get("m").state(), v1::MODEL_STATE_FAILED);
    EXPECT_EQ(server.Get("m").step(), 3);
    EXPECT_THAT(Train(server, "other", NewRequestId()), IsOk());
    EXPECT_EQ(server.Get("other").step(), 2 + life);
  }
}

TEST_F(LastRecordTest, OneThatWasNotWrittenToItsEndIsCutAndNoDamage) {
  const std::string path = LogPath();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const server::FolderReport report = Check();
  EXPECT_TRUE(report.sound());
  EXPECT_THAT(report.torn_tail, HasSubstr(path + ": a torn tail of "));
  TestServer server(options_);
  EXPECT_EQ(server.Get("m").state(), v1::MODEL_STATE_READY);
  EXPECT_EQ(server.Get("m").step(), 2);
  EXPECT_THAT(Train(server, "m", last_request_), IsOk());
  EXPECT_EQ(server.Get("m").step(), 3);
}

}  // namespace
}  // namespace chainrule::test
