// TestServer: a real server on a port of its own, in this process, and stubs to call it
// over a socket. Thread-safe once made. Ends the process if it cannot start.
#ifndef CHAINRULE_TESTS_SUPPORT_TEST_SERVER_H_
#define CHAINRULE_TESTS_SUPPORT_TEST_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <string>

#include "chainrule/v1/model_service.grpc.pb.h"
#include "chainrule/v1/prediction_service.grpc.pb.h"
#include "chainrule/v1/server_service.grpc.pb.h"
#include "chainrule/v1/training_service.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/app/options.h"
#include "server/app/server.h"

namespace chainrule::test {

// Free ports, two threads, no HTTP, no log, and a drain that is not for people. No data
// folder: TestServer takes one of its own.
server::Options TestOptions();

// A folder that goes with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class TestServer {
 public:
  explicit TestServer(const server::Options& options = TestOptions(),
                      server::FileSystem* files = &server::PosixFileSystem());

  server::Server& server() { return server_; }
  // A connection that no other channel shares. With `window_bytes`: each of its calls
  // receives so much at most before it is read.
  std::shared_ptr<grpc::Channel> NewChannel(std::optional<int> window_bytes = std::nullopt) const;

  v1::ModelService::Stub& models() { return *models_; }
  v1::TrainingService::Stub& training() { return *training_; }
  v1::PredictionService::Stub& prediction() { return *prediction_; }
  v1::ServerService::Stub& info() { return *info_; }
  grpc::health::v1::Health::Stub& health() { return *health_; }

  // Creates models/{id}; fails the test if it cannot.
  v1::Model Create(const std::string& id, const v1::ModelSpec& spec);
  v1::Model Get(const std::string& id);

 private:
  const TempFolder folder_;
  server::Server server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ModelService::Stub> models_;
  std::unique_ptr<v1::TrainingService::Stub> training_;
  std::unique_ptr<v1::PredictionService::Stub> prediction_;
  std::unique_ptr<v1::ServerService::Stub> info_;
  std::unique_ptr<grpc::health::v1::Health::Stub> health_;
};

// One unary call: `Call(&Stub::Train, stub, request, &response)`.
template <typename Stub, typename Request, typename Response>
grpc::Status Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  Stub& stub, const Request& request, Response* response) {
  grpc::ClientContext context;
  return (stub.*method)(&context, request, response);
}

}  // namespace chainrule::test

#endif  // CHAINRULE_TESTS_SUPPORT_TEST_SERVER_H_
