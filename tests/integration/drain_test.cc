// A server that stops: it says so, refuses what comes, lets finish what it took in, ends
// what would take too long at a whole step, and is gone in time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "inference/grpc_service.grpc.pb.h"
#include "tests/support/error_details.h"
#include "tests/support/fit_client.h"
#include "tests/support/raw_client.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using Training = v1::TrainingService::Stub;

server::Options DrainOptions(absl::Duration timeout) {
  server::Options options = TestOptions();
  options.drain_timeout = timeout;
  return options;
}

v1::TrainRequest LongTrain(int64_t epochs) {
  v1::TrainRequest request = MakeTrain("models/m", MakeExamples(16, 4, 1));
  request.set_epochs(epochs);
  return request;
}

void WaitForAStep(TestServer& server) {
  while (server.Get("m").step() == 0) std::this_thread::yield();
}

TEST(DrainTest, ATrainingThatTakesTooLongStopsAtAWholeStepInTime) {
  TestServer server(DrainOptions(absl::Seconds(2)));
  server.Create("m", MakeSpec({4, 8, 1}));
  grpc::Status status;
  std::thread trainer([&] {
    v1::TrainResponse response;
    status = Call(&Training::Train, server.training(), LongTrain(1'000'000), &response);
  });
  WaitForAStep(server);
  const absl::Time start = absl::Now();
  server.server().Drain();
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
  trainer.join();
  EXPECT_THAT(status, IsError(grpc::UNAVAILABLE, "STOPPING"));
}

TEST(DrainTest, ATrainingThatFinishesInTimeIsAnsweredOk) {
  TestServer server(DrainOptions(absl::Seconds(60)));
  server.Create("m", MakeSpec({4, 8, 1}));
  grpc::Status status;
  v1::TrainResponse response;
  std::thread trainer(
      [&] { status = Call(&Training::Train, server.training(), LongTrain(20'000), &response); });
  WaitForAStep(server);
  server.server().Drain();
  trainer.join();
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(response.steps_taken(), 20'000);
}

TEST(DrainTest, AWatchIsToldNotServingAndThenEnds) {
  TestServer server(DrainOptions(absl::Seconds(60)));
  grpc::ClientContext context;
  auto watch = server.health().Watch(&context, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  std::thread drain([&] { server.server().Drain(); });
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_THAT(watch->Finish(), IsError(grpc::UNAVAILABLE, "STOPPING"));
  drain.join();
}

TEST(DrainTest, AFitThatStillReceivesEndsAndNewCallsAreRefused) {
  TestServer server(DrainOptions(absl::Seconds(60)));
  server.Create("m", MakeSpec({4, 8, 1}));
  FitClient fit(server.training());
  v1::FitHeader header;
  header.set_model("models/m");
  fit.SendHeader(header);
  fit.SendExamples(MakeExamples(3, 4, 1));
  ASSERT_TRUE(fit.Next().has_value());
  // Keeps the server from being gone at once.
  grpc::ClientContext context;
  v1::TrainResponse trained;
  grpc::Status status;
  std::thread trainer(
      [&] { status = server.training().Train(&context, LongTrain(1'000'000), &trained); });
  WaitForAStep(server);
  std::thread drain([&] { server.server().Drain(); });
  EXPECT_THAT(fit.FinishAfterRest(), IsError(grpc::UNAVAILABLE, "STOPPING"));
  const auto probes = inference::GRPCInferenceService::NewStub(server.NewChannel());
  inference::ServerLiveResponse live;
  EXPECT_THAT(Call(&inference::GRPCInferenceService::Stub::ServerLive, *probes, {}, &live), IsOk());
  EXPECT_TRUE(live.live());
  inference::ServerReadyResponse ready;
  EXPECT_THAT(Call(&inference::GRPCInferenceService::Stub::ServerReady, *probes, {}, &ready),
              IsOk());
  EXPECT_FALSE(ready.ready());
  v1::GetServerInfoResponse info;
  EXPECT_EQ(Call(&v1::ServerService::Stub::GetServerInfo, server.info(), {}, &info).error_code(),
            grpc::UNAVAILABLE);
  context.TryCancel();
  trainer.join();
  EXPECT_EQ(status.error_code(), grpc::CANCELLED);
  drain.join();
}

TEST(DrainTest, AServerThatGoesWithCallsInEveryQueueAnswersThemAll) {
  std::optional<TestServer> server(DrainOptions(absl::Seconds(2)));
  server->Create("m", MakeSpec({4, 8, 1}));
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&, i] {
      v1::TrainResponse trained;
      v1::PredictResponse predicted;
      v1::PredictRequest request;
      request.set_model("models/m");
      *request.mutable_inputs() = MakeExamples(2, 4, 1).inputs();
      const grpc::Status status =
          i % 2 == 0 ? Call(&Training::Train, server->training(), LongTrain(1'000'000), &trained)
                     : Call(&v1::PredictionService::Stub::Predict, server->prediction(), request,
                            &predicted);
      EXPECT_TRUE(status.ok() || status.error_code() == grpc::UNAVAILABLE)
          << status.error_message();
    });
  }
  WaitForAStep(*server);
  server->server().Drain();
  for (std::thread& caller : callers) caller.join();
  server.reset();
}

// No admission counts these; they must be over all the same before the queues are.
TEST(DrainTest, CallsThatNeverSayTheirRequestDoNotOutliveTheServer) {
  std::optional<TestServer> server(DrainOptions(absl::Seconds(20)));
  const std::shared_ptr<grpc::Channel> channel = server->NewChannel();
  std::deque<RawCall> open;
  for (const char* method :
       {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/Check",
        "/chainrule.v1.ModelService/GetModel", "/chainrule.v1.PredictionService/StreamPredict",
        "/chainrule.v1.TrainingService/Fit", "/no.Such/Method"}) {
    for (int i = 0; i < 20; ++i) open.emplace_back(channel, method);
  }
  for (size_t i = 0; i < open.size(); i += 2) open[i].context.TryCancel();
  const absl::Time start = absl::Now();
  server->server().Drain();
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  server.reset();
  for (RawCall& call : open) EXPECT_FALSE(call.Finish().ok());
}

TEST(DrainTest, APortThatIsTakenIsRefused) {
  TestServer server;
  const TempFolder folder;
  server::Options options = TestOptions();
  options.data_dir = folder.path();
  options.listen = server.server().grpc_address();
  const absl::StatusOr<server::Server> second = server::Server::Start(options);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(options.listen));
}

}  // namespace
}  // namespace chainrule::test
