// A disk that fails while the server runs, over a socket: changes are refused with the
// reason and a time to come back after, predictions go on, health says so, and all is as
// before when the disk is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/error_details.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/http_client.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using ::testing::HasSubstr;
using Models = v1::ModelService::Stub;
using Training = v1::TrainingService::Stub;
using Health = grpc::health::v1::Health::Stub;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kModels[] = "chainrule.v1.ModelService";
constexpr char kTraining[] = "chainrule.v1.TrainingService";
constexpr char kPrediction[] = "chainrule.v1.PredictionService";

MATCHER_P(SaysThatStorageFailed, why, "") {
  const ErrorDetails details = DetailsOf(arg);
  *result_listener << details.message;
  return details.code == grpc::UNAVAILABLE && details.reason == "STORAGE_FAILED" &&
         details.retry_delay == absl::Seconds(1) && details.message.find(why) != std::string::npos;
}

class StorageTest : public ::testing::Test {
 protected:
  StorageTest() {
    options_.data_dir = folder_.path() + "/data";
    options_.http_listen = "127.0.0.1:0";
    Start();
    server_->Create("m", MakeSpec({4, 3, 1}));
    EXPECT_THAT(Train(), IsOk());
  }

  void Start() {
    server_.reset();
    server_.emplace(options_, &files_);
  }
  grpc::Status Train(const std::string& request_id = "", v1::TrainResponse* reply = nullptr) {
    v1::TrainRequest request = MakeTrain("models/m", MakeExamples(5, 4, 1));
    request.set_request_id(request_id);
    v1::TrainResponse response;
    const grpc::Status status = Call(&Training::Train, server_->training(), request, &response);
    if (reply != nullptr) *reply = response;
    return status;
  }
  grpc::Status Create(const std::string& id) {
    v1::Model model;
    return Call(&Models::CreateModel, server_->models(), MakeCreate(id, MakeSpec({4, 3, 1})),
                &model);
  }
  grpc::Status Publish() {
    v1::PublishVersionRequest request;
    request.set_model("models/m");
    v1::ModelVersion version;
    return Call(&Models::PublishVersion, server_->models(), request, &version);
  }
  std::string Predicted() {
    v1::PredictRequest request;
    request.set_model("models/m");
    *request.mutable_inputs() = MakeExamples(2, 4, 1).inputs();
    v1::PredictResponse response;
    EXPECT_THAT(
        Call(&v1::PredictionService::Stub::Predict, server_->prediction(), request, &response),
        IsOk());
    return response.SerializeAsString();
  }
  bool Serves(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    EXPECT_THAT(Call(&Health::Check, server_->health(), request, &response), IsOk());
    return response.status() == HealthCheckResponse::SERVING;
  }
  HttpReply Healthz() { return HttpGet(server_->server().http_port(), "/healthz"); }
  void ExpectHealthSaysSo() {
    EXPECT_FALSE(Serves(kModels));
    EXPECT_FALSE(Serves(kTraining));
    EXPECT_TRUE(Serves(kPrediction));
    EXPECT_TRUE(Serves(""));
    const HttpReply page = Healthz();
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.body,
              std::string("SERVING\n") + kModels + " NOT_SERVING\n" + kTraining + " NOT_SERVING\n");
  }
  void WaitUntilItWorks() {
    while (!Serves(kTraining)) std::this_thread::yield();
    EXPECT_TRUE(Serves(kModels));
    EXPECT_EQ(Healthz().body, "SERVING\n");
  }

  const TempFolder folder_;
  server::Options options_ = TestOptions();
  server::FaultyFileSystem files_;
  std::optional<TestServer> server_;
};

TEST_F(StorageTest, ALogThatFailsRefusesTrainingAndNothingElse) {
  const std::string before = Predicted();
  const std::string id = NewRequestId();
  files_.Fail(absl::ResourceExhaustedError("No space left on device"));
  EXPECT_THAT(Train(id), SaysThatStorageFailed("No space left on device"));
  EXPECT_THAT(Train(id), SaysThatStorageFailed("No space left on device"));
  EXPECT_THAT(Create("other"), SaysThatStorageFailed("No space left on device"));
  EXPECT_THAT(Publish(), SaysThatStorageFailed("No space left on device"));
  EXPECT_EQ(Predicted(), before);
  EXPECT_EQ(server_->Get("m").step(), 1);
  ExpectHealthSaysSo();
  files_.Fail(absl::OkStatus());
  WaitUntilItWorks();
  v1::TrainResponse reply;
  EXPECT_THAT(Train(id, &reply), IsOk());
  EXPECT_EQ(reply.model_step(), 2) << "once, whether the refused record was kept or not";
  EXPECT_THAT(Create("other"), IsOk());
  EXPECT_THAT(Publish(), IsOk());
  const std::string after = Predicted();
  Start();
  EXPECT_EQ(Predicted(), after);
}

TEST_F(StorageTest, FilesThatCannotBeWrittenAreToldByHealthToo) {
  files_.Fail(absl::UnavailableError("Read-only file system"));
  EXPECT_THAT(Create("other"), SaysThatStorageFailed("Read-only file system"));
  ExpectHealthSaysSo();
  files_.Fail(absl::OkStatus());
  WaitUntilItWorks();
  EXPECT_THAT(Create("other"), IsOk());
}

// No file of this process grows beyond what SQLite's log has already.
TEST_F(StorageTest, FactsThatCannotBeWrittenAreAFailureOfStorage) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none = {1024, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &none);
  v1::UpdateModelRequest update;
  update.mutable_model()->set_name("models/m");
  for (int i = 0; i < 60; ++i) {
    (*update.mutable_model()->mutable_labels())["label" + std::to_string(i)] = std::string(60, 'x');
  }
  v1::Model model;
  EXPECT_THAT(Call(&Models::UpdateModel, server_->models(), update, &model),
              SaysThatStorageFailed("facts.sqlite"));
  EXPECT_FALSE(Serves(kModels));
  EXPECT_FALSE(Predicted().empty());
  setrlimit(RLIMIT_FSIZE, &before);
  WaitUntilItWorks();
  EXPECT_THAT(Call(&Models::UpdateModel, server_->models(), update, &model), IsOk());
  EXPECT_EQ(model.labels_size(), 60);
}

TEST_F(StorageTest, AServerThatStartsOnAFullDiskPredictsAndLearnsOnceThereIsRoom) {
  const std::string before = Predicted();
  server_.reset();
  files_.Fail(absl::ResourceExhaustedError("No space left on device"));
  Start();
  EXPECT_EQ(Predicted(), before);
  EXPECT_THAT(Train(), SaysThatStorageFailed("No space left on device"));
  EXPECT_THAT(Create("other"), SaysThatStorageFailed("No space left on device"));
  ExpectHealthSaysSo();
  files_.Fail(absl::OkStatus());
  WaitUntilItWorks();
  EXPECT_EQ(Predicted(), before);
  EXPECT_THAT(Train(), IsOk());
  EXPECT_EQ(server_->Get("m").step(), 2);
}

TEST_F(StorageTest, ADrainWhileTheDiskFailsLosesNothing) {
  EXPECT_THAT(Train(), IsOk());
  const std::string before = Predicted();
  files_.Fail(absl::ResourceExhaustedError("No space left on device"));
  server_.reset();
  files_.Fail(absl::OkStatus());
  Start();
  EXPECT_EQ(Predicted(), before);
}

}  // namespace
}  // namespace chainrule::test
