// What no stub would send: methods that are not there, bytes that are no message, calls
// without a message, and large messages, which another thread makes of their bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/raw_client.h"
#include "tests/support/requests.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

using ::testing::HasSubstr;

// The first field is a string of which most is missing.
const std::string kNoMessage("\x0a\x7f\x01", 3);
const std::vector<std::string> kUnary = {
    "/chainrule.v1.ModelService/GetModel", "/chainrule.v1.PredictionService/Predict",
    "/chainrule.v1.TrainingService/Train", "/inference.GRPCInferenceService/ModelInfer",
    "/chainrule.v1.ServerService/GetServerInfo"};
const std::vector<std::string> kStreams = {"/chainrule.v1.TrainingService/Fit",
                                           "/chainrule.v1.TrainingService/StreamEvaluate",
                                           "/chainrule.v1.PredictionService/StreamPredict",
                                           "/chainrule.v1.ModelService/ImportModel",
                                           "/chainrule.v1.ModelService/ExportModel",
                                           "/grpc.health.v1.Health/Check",
                                           "/grpc.health.v1.Health/Watch"};

class RawCallTest : public ::testing::Test {
 protected:
  grpc::Status CallWith(const std::string& method, const std::string& bytes) {
    RawCall call(channel_, method);
    call.Write(bytes);
    return call.Finish();
  }
  void ExpectServes() {
    server_.Create("after", MakeSpec({2, 1}));
    EXPECT_EQ(server_.Get("after").name(), "models/after");
  }

  TestServer server_;
  const std::shared_ptr<grpc::Channel> channel_ = server_.NewChannel();
};

TEST_F(RawCallTest, MethodsThatAreNotThere) {
  for (const char* method : {"/chainrule.v1.ModelService/Nothing", "/no.Such/GetModel", "/", "//",
                             "/chainrule.v1.ModelService/GetModel/"}) {
    const grpc::Status status = CallWith(method, "");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
    EXPECT_THAT(status.error_message(), HasSubstr(method));
  }
}

TEST_F(RawCallTest, BytesThatAreNoMessage) {
  for (const auto& methods : {kUnary, kStreams}) {
    for (const std::string& method : methods) {
      const grpc::Status status = CallWith(method, kNoMessage);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
      EXPECT_THAT(status.error_message(), HasSubstr("bytes are no ")) << method;
    }
  }
  ExpectServes();
}

TEST_F(RawCallTest, LargeBytesThatAreNoMessage) {
  const std::string large = kNoMessage + std::string(3 << 20, '\xff');
  for (const auto& methods : {kUnary, kStreams}) {
    for (const std::string& method : methods) {
      const grpc::Status status = CallWith(method, large);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    }
  }
  ExpectServes();
}

TEST_F(RawCallTest, UnaryCallsWithoutARequest) {
  for (const std::string& method : kUnary) {
    RawCall call(channel_, method);
    call.HalfClose();
    const grpc::Status status = call.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(status.error_message(), "no request came, or one beyond max_message_bytes");
  }
}

TEST_F(RawCallTest, CallsThatAreCancelledBeforeTheirRequestComes) {
  for (const auto& methods : {kUnary, kStreams}) {
    for (const std::string& method : methods) {
      RawCall call(channel_, method);
      call.context.TryCancel();
      EXPECT_EQ(call.Finish().error_code(), grpc::StatusCode::CANCELLED) << method;
    }
  }
  ExpectServes();
}

TEST_F(RawCallTest, LargeRequestsOfManyCallersAreAnswered) {
  // It reports, and suppresses, each read of what gRPC received: minutes for such messages.
  if (std::getenv("TSAN_OPTIONS") != nullptr) GTEST_SKIP() << "too slow under ThreadSanitizer";
  server_.Create("m", MakeSpec({1'024, 1}));
  v1::PredictRequest request;
  request.set_model("models/m");
  *request.mutable_inputs() = MakeExamples(512, 1'024, 1).inputs();
  const std::string bytes = request.SerializeAsString();
  ASSERT_GT(bytes.size(), size_t{2} << 20);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int call_number = 0; call_number < 5; ++call_number) {
        RawCall call(channel_, "/chainrule.v1.PredictionService/Predict");
        ASSERT_TRUE(call.Write(bytes));
        std::string reply;
        ASSERT_TRUE(call.Read(&reply));
        v1::PredictResponse response;
        ASSERT_TRUE(response.ParseFromString(reply));
        EXPECT_EQ(response.outputs().values_size(), 512);
        EXPECT_TRUE(call.Finish().ok());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(RawCallTest, CallsWithoutARequestTakeNobodysPlace) {
  server::Options options = TestOptions();
  options.limits.max_queued_calls = 1;
  TestServer narrow(options);
  const std::shared_ptr<grpc::Channel> channel = narrow.NewChannel();
  std::deque<RawCall> open;
  for (int i = 0; i < 50; ++i) {
    open.emplace_back(channel, "/chainrule.v1.PredictionService/Predict");
  }
  for (const std::string& method : kStreams) open.emplace_back(channel, method);
  narrow.Create("m", MakeSpec({2, 1}));
  EXPECT_EQ(narrow.Get("m").name(), "models/m");
  for (RawCall& call : open) {
    call.context.TryCancel();
    call.Finish();
  }
}

TEST_F(RawCallTest, AFullServerAnswersBeforeItReads) {
  server::Options options = TestOptions();
  options.limits.max_queued_calls = 1;
  TestServer full(options);
  const std::shared_ptr<grpc::Channel> channel = full.NewChannel();
  full.Create("m", MakeSpec({2, 1}));
  v1::FitRequest header;
  header.mutable_header()->set_model("models/m");
  RawCall holds_the_place(channel, "/chainrule.v1.TrainingService/Fit");
  ASSERT_TRUE(holds_the_place.Write(header.SerializeAsString()));
  // Until that one has come, these end without a request.
  grpc::Status status;
  do {
    RawCall refused(channel, "/chainrule.v1.PredictionService/Predict");
    refused.HalfClose();
    status = refused.Finish();
  } while (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  holds_the_place.context.TryCancel();
  holds_the_place.Finish();
}

}  // namespace
}  // namespace chainrule::test
