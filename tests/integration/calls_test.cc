// What every call passes: admission, the token, metrics; health and its watches.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/error_details.h"
#include "tests/support/fit_client.h"
#include "tests/support/http_client.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;
using ::testing::Not;
using Health = grpc::health::v1::Health::Stub;
using Models = v1::ModelService::Stub;

v1::FitHeader HeaderOf(const std::string& model) {
  v1::FitHeader header;
  header.set_model(model);
  return header;
}

HealthCheckRequest HealthOf(const std::string& name) {
  HealthCheckRequest request;
  request.set_service(name);
  return request;
}

// --- admission --------------------------------------------------------------

TEST(AdmissionTest, AFullQueueRefusesAtOnceAndSaysWhenToComeBack) {
  server::Options options = TestOptions();
  options.limits.max_queued_calls = 2;
  TestServer server(options);
  server.Create("m", MakeSpec({2, 1}));
  FitClient one(server.training());
  FitClient two(server.training());
  for (FitClient* fit : {&one, &two}) {  // each holds its place until it ends
    fit->SendHeader(HeaderOf("models/m"));
    fit->SendExamples(MakeExamples(1, 2, 1));
    ASSERT_TRUE(fit->Next().has_value());
  }
  grpc::ClientContext context;
  v1::GetModelRequest request;
  request.set_name("models/m");
  v1::Model model;
  const grpc::Status status = server.models().GetModel(&context, request, &model);
  EXPECT_THAT(status, IsError(grpc::RESOURCE_EXHAUSTED, "OVERLOADED"));
  ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.metadata["limit"], "max_queued_calls");
  EXPECT_TRUE(details.retry_delay.has_value());
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  // Health answers also now.
  HealthCheckResponse health;
  EXPECT_THAT(Call(&Health::Check, server.health(), HealthOf(""), &health), IsOk());
  one.HalfClose();
  EXPECT_THAT(one.FinishAfterRest(), IsOk());
  EXPECT_THAT(Call(&Models::GetModel, server.models(), request, &model), IsOk());
  two.Cancel();
  two.FinishAfterRest();
}

TEST(AdmissionTest, TheRowsOfAFitCountWhileItKeepsThem) {
  server::Options options = TestOptions();
  options.limits.max_message_bytes = options.limits.max_fit_bytes = 10'000;
  // Room for the rows of one, and a message while it is read: not for the rows of two.
  options.limits.max_queued_bytes = options.fit_memory = 14'000;
  TestServer server(options);
  server.Create("m", MakeSpec({100, 1}));
  FitClient holder(server.training());
  holder.SendHeader(HeaderOf("models/m"));
  holder.SendExamples(MakeExamples(15, 100, 1));
  ASSERT_TRUE(holder.Next().has_value());
  FitClient late(server.training());
  late.SendHeader(HeaderOf("models/m"));
  late.SendExamples(MakeExamples(15, 100, 1));
  const grpc::Status status = late.FinishAfterRest();
  EXPECT_THAT(status, IsError(grpc::RESOURCE_EXHAUSTED, "OVERLOADED"));
  EXPECT_EQ(DetailsOf(status).metadata["limit"], "max_queued_bytes");
  holder.Cancel();
  holder.FinishAfterRest();
}

// --- the token --------------------------------------------------------------

TEST(TokenTest, CallsMustBringItButHealthNeedsNone) {
  const std::string path = ::testing::TempDir() + "/chainrule-calls-test-token";
  std::ofstream(path) << "s3cret\nrest\n";
  server::Options options = TestOptions();
  options.token_file = path;
  TestServer server(options);
  std::remove(path.c_str());
  const auto info = [&](const char* authorization) {
    grpc::ClientContext context;
    if (authorization != nullptr) context.AddMetadata("authorization", authorization);
    v1::GetServerInfoResponse response;
    return server.info().GetServerInfo(&context, {}, &response);
  };
  EXPECT_THAT(info(nullptr), IsError(grpc::UNAUTHENTICATED, "UNAUTHENTICATED"));
  EXPECT_THAT(info("Bearer s3creT"), IsError(grpc::UNAUTHENTICATED, "UNAUTHENTICATED"));
  EXPECT_THAT(info("Bearer s3cret"), IsOk());
  HealthCheckResponse health;
  EXPECT_THAT(Call(&Health::Check, server.health(), HealthOf(""), &health), IsOk());
}

// --- metrics ----------------------------------------------------------------

TEST(MetricsTest, CountsCallsByCodeCancelledOnesToo) {
  server::Options options = TestOptions();
  options.http_listen = "127.0.0.1:0";
  TestServer server(options);
  server.Create("m", MakeSpec({2, 1}));
  v1::TrainRequest request = MakeTrain("models/m", MakeExamples(3, 2, 1));
  request.set_epochs(4);
  v1::TrainResponse response;
  ASSERT_THAT(Call(&v1::TrainingService::Stub::Train, server.training(), request, &response),
              IsOk());
  request.set_epochs(1'000'000);
  grpc::ClientContext context;
  std::thread caller([&] { server.training().Train(&context, request, &response); });
  while (server.Get("m").step() < 10) std::this_thread::yield();
  context.TryCancel();
  caller.join();
  const auto metrics = [&] { return HttpGet(server.server().http_port(), "/metrics").body; };
  const std::string cancelled =
      R"(chainrule_calls_total{rpc="TrainingService/Train",code="CANCELLED"} 1)";
  while (metrics().find(cancelled) == std::string::npos) std::this_thread::yield();
  const std::string text = metrics();
  EXPECT_THAT(text, HasSubstr(R"(chainrule_calls_total{rpc="TrainingService/Train",code="OK"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_rows_total{rpc="TrainingService/Train"} 6)"));
  EXPECT_THAT(text, HasSubstr("chainrule_models 1"));
  EXPECT_THAT(text, HasSubstr("chainrule_queued_calls 0"));
  EXPECT_THAT(text, HasSubstr(R"(chainrule_call_seconds_count{rpc="ModelService/CreateModel"} 1)"));
  EXPECT_EQ(HttpGet(server.server().http_port(), "/healthz").status, 200);
  EXPECT_EQ(HttpGet(server.server().http_port(), "/elsewhere").status, 404);
}

// --- health -----------------------------------------------------------------

TEST(HealthTest, KnowsTheServerItsServicesAndItsModels) {
  TestServer server;
  server.Create("m", MakeSpec({1, 1}));
  HealthCheckResponse response;
  for (const char* name : {"", "chainrule.v1.TrainingService", "chainrule.v1/models/m"}) {
    ASSERT_THAT(Call(&Health::Check, server.health(), HealthOf(name), &response), IsOk()) << name;
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(Call(&Health::Check, server.health(), HealthOf("chainrule.v1/models/x"), &response)
                .error_code(),
            grpc::NOT_FOUND);
  grpc::health::v1::HealthListResponse all;
  ASSERT_THAT(Call(&Health::List, server.health(), grpc::health::v1::HealthListRequest(), &all),
              IsOk());
  EXPECT_EQ(all.statuses_size(), 1 + 5 + 1);
}

TEST(HealthTest, AWatchFollowsAModelThroughItsLife) {
  TestServer server;
  grpc::ClientContext context;
  auto watch = server.health().Watch(&context, HealthOf("chainrule.v1/models/m"));
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  server.Create("m", MakeSpec({1, 1}));
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  v1::DeleteModelRequest request;
  request.set_name("models/m");
  google::protobuf::Empty nothing;
  ASSERT_THAT(Call(&Models::DeleteModel, server.models(), request, &nothing), IsOk());
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  while (watch->Read(&response)) {
  }
  EXPECT_EQ(watch->Finish().error_code(), grpc::CANCELLED);
}

}  // namespace
}  // namespace chainrule::test
