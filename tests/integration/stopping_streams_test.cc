// A server that stops while streams are in full flow: what was let in is answered, the rest
// is told, and nothing of a stream is touched after its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"
#include "tests/support/stream_client.h"
#include "tests/support/test_server.h"

namespace chainrule::test {
namespace {

constexpr int kRounds = 8;
constexpr int kClients = 4;

// ThreadSanitizer looks at each word that gRPC moves, and takes minutes for the large ones.
size_t PieceBytes() { return std::getenv("TSAN_OPTIONS") != nullptr ? 1 << 10 : 512 << 10; }

// Runs `client` on threads, which count what they did in `done`, and stops the server when
// all are at it.
void StopInTheMiddle(TestServer* server,
                     const std::function<void(std::atomic<int>* done)>& client) {
  std::atomic<int> done = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kClients; ++i) threads.emplace_back([&] { client(&done); });
  while (done < 3 * kClients) std::this_thread::yield();
  server->server().Drain();
  for (std::thread& thread : threads) thread.join();
}

TEST(StoppingStreamsTest, ImportsThatAreUnderWayEnd) {
  for (int round = 0; round < kRounds; ++round) {
    server::Options options = TestOptions();
    options.limits.max_import_bytes = int64_t{4} << 30;
    options.limits.max_queued_bytes = int64_t{4} << 30;
    TestServer server(options);
    StopInTheMiddle(&server, [&](std::atomic<int>* done) {
      const auto stub = v1::ModelService::NewStub(server.NewChannel());
      grpc::ClientContext context;
      v1::Model model;
      const auto stream = stub->ImportModel(&context, &model);
      v1::ImportModelRequest request;
      request.mutable_header()->set_model_id("m");
      request.mutable_header()->set_total_bytes(int64_t{1} << 30);
      bool open = stream->Write(request);
      request.set_data(std::string(PieceBytes(), 'x'));
      for (; open; ++*done) open = stream->Write(request);
      EXPECT_FALSE(stream->Finish().ok());  // what it says depends on what is on its way
    });
  }
}

TEST(StoppingStreamsTest, PredictionsThatWereLetInAreAnsweredAndTheirStreamsEnd) {
  for (int round = 0; round < kRounds; ++round) {
    TestServer server;
    server.Create("m", MakeSpec({4, 8, 2}));
    v1::StreamPredictRequest request;
    request.mutable_request()->set_model("models/m");
    *request.mutable_request()->mutable_inputs() = MakeExamples(100, 4, 1).inputs();
    StopInTheMiddle(&server, [&](std::atomic<int>* done) {
      const auto stub = v1::PredictionService::NewStub(server.NewChannel());
      StreamClient<v1::StreamPredictRequest, v1::StreamPredictResponse> stream(
          [&](grpc::ClientContext* context) { return stub->StreamPredict(context); });
      while (stream.Send(request)) {
        const auto response = stream.Next();
        if (!response.has_value()) break;
        EXPECT_TRUE(response->has_response()) << response->error().message();
        ++*done;
      }
      // A client that does not come to read in time is cut off.
      EXPECT_THAT(stream.FinishAfterRest().error_code(),
                  ::testing::AnyOf(grpc::UNAVAILABLE, grpc::CANCELLED));
    });
  }
}

}  // namespace
}  // namespace chainrule::test
