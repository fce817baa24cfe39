#include "tests/support/test_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "tests/support/error_details.h"
#include "tests/support/requests.h"

namespace chainrule::test {
namespace {

server::Server MustStart(server::Options options, const TempFolder& folder,
                         server::FileSystem* files) {
  if (options.data_dir.empty()) options.data_dir = folder.path() + "/data";
  absl::StatusOr<server::Server> server = server::Server::Start(options, files);
  if (!server.ok()) {
    std::fprintf(stderr, "%s\n", server.status().ToString().c_str());
    std::abort();
  }
  return *std::move(server);
}

}  // namespace

server::Options TestOptions() {
  server::Options options;
  options.listen = "127.0.0.1:0";
  options.http_listen = server::kNoHttp;
  options.threads = 2;
  options.log_level = server::LogLevel::kOff;
  options.drain_timeout = absl::Seconds(60);
  options.data_dir = "";
  return options;
}

TempFolder::TempFolder() : path_(testing::TempDir() + "/chainrule-XXXXXX") {
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TestServer::TestServer(const server::Options& options, server::FileSystem* files)
    : server_(MustStart(options, folder_, files)),
      channel_(NewChannel()),
      models_(v1::ModelService::NewStub(channel_)),
      training_(v1::TrainingService::NewStub(channel_)),
      prediction_(v1::PredictionService::NewStub(channel_)),
      info_(v1::ServerService::NewStub(channel_)),
      health_(grpc::health::v1::Health::NewStub(channel_)) {}

std::shared_ptr<grpc::Channel> TestServer::NewChannel(std::optional<int> window_bytes) const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  if (window_bytes.has_value()) {
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, *window_bytes);
  }
  return grpc::CreateCustomChannel(server_.grpc_address(), grpc::InsecureChannelCredentials(),
                                   arguments);
}

v1::Model TestServer::Create(const std::string& id, const v1::ModelSpec& spec) {
  v1::Model model;
  EXPECT_THAT(Call(&v1::ModelService::Stub::CreateModel, *models_, MakeCreate(id, spec), &model),
              IsOk());
  return model;
}

v1::Model TestServer::Get(const std::string& id) {
  v1::GetModelRequest request;
  request.set_name("models/" + id);
  v1::Model model;
  EXPECT_THAT(Call(&v1::ModelService::Stub::GetModel, *models_, request, &model), IsOk());
  return model;
}

}  // namespace chainrule::test
