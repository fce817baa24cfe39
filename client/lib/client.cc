#include "client/lib/client.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/data/input_file.h"
#include "client/lib/address.h"
#include "client/lib/errors.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace chainrule::client {
namespace {

constexpr int32_t kPageSize = 1000;  // the most that a page may hold

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::string text;
  if (path.empty()) return text;
  absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (!file.ok()) return file.status();
  std::array<char, 4096> block;
  while (true) {
    const absl::StatusOr<size_t> read = file->Read(block);
    if (!read.ok()) return read.status();
    if (*read == 0) return text;
    text.append(block.data(), *read);
  }
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const Target& target) {
  if (target.tls_ca.empty()) return grpc::InsecureChannelCredentials();
  const absl::StatusOr<std::string> ca = ReadFile(target.tls_ca);
  const absl::StatusOr<std::string> cert = ReadFile(target.tls_cert);
  const absl::StatusOr<std::string> key = ReadFile(target.tls_key);
  for (const auto* pem : {&ca, &cert, &key}) {
    if (!pem->ok()) return pem->status();
  }
  return grpc::SslCredentials(
      {.pem_root_certs = *ca, .pem_private_key = *key, .pem_cert_chain = *cert});
}

bool IsLocal(absl::string_view address) {
  return absl::StartsWith(address, "unix:") || absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") || absl::StartsWith(address, "[::1]");
}

grpc::ChannelArguments Arguments(const Target& target) {
  grpc::ChannelArguments arguments;
  // What may be large was asked for, and the server has its own limit.
  arguments.SetMaxReceiveMessageSize(-1);
  // A proxy that the environment names knows nothing of this machine's own addresses.
  if (IsLocal(target.address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Create(const Target& target) {
  const absl::Status address = CheckAddress(target.address);
  if (!address.ok()) return address;
  const auto credentials = Credentials(target);
  if (!credentials.ok()) return credentials.status();
  auto channel = grpc::CreateCustomChannel(target.address, *credentials, Arguments(target));
  return std::unique_ptr<Client>(new Client(std::move(channel), target));
}

Client::Client(std::shared_ptr<grpc::Channel> channel, Target target)
    : target_(std::move(target)),
      channel_(std::move(channel)),
      models_(channel_),
      training_(channel_),
      prediction_(channel_),
      server_(channel_),
      health_(channel_) {}

void Client::Prepare(grpc::ClientContext* context) const {
  if (!target_.token.empty()) {
    context->AddMetadata("authorization", absl::StrCat("Bearer ", target_.token));
  }
}

bool Client::IsConnected() const { return channel_->GetState(false) == GRPC_CHANNEL_READY; }

template <typename Stub, typename Request, typename Response>
absl::Status Client::Call(Stub& stub,
                          grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                       Response*),
                          const Request& request, Response* response) {
  grpc::ClientContext context;
  Prepare(&context);
  if (target_.timeout != absl::InfiniteDuration()) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + target_.timeout));
  }
  return FromGrpc((stub.*method)(&context, request, response), IsConnected());
}

absl::StatusOr<v1::Model> Client::CreateModel(const v1::CreateModelRequest& request) {
  v1::Model model;
  const absl::Status status = Call(models_, &v1::ModelService::Stub::CreateModel, request, &model);
  if (!status.ok()) return status;
  return model;
}

absl::StatusOr<v1::Model> Client::GetModel(absl::string_view name) {
  v1::GetModelRequest request;
  request.set_name(std::string(name));
  v1::Model model;
  const absl::Status status = Call(models_, &v1::ModelService::Stub::GetModel, request, &model);
  if (!status.ok()) return status;
  return model;
}

absl::StatusOr<v1::ListModelsResponse> Client::ListModels(absl::string_view filter) {
  v1::ListModelsRequest request;
  request.set_page_size(kPageSize);
  request.set_filter(std::string(filter));
  v1::ListModelsResponse all;
  do {
    v1::ListModelsResponse page;
    const absl::Status status = Call(models_, &v1::ModelService::Stub::ListModels, request, &page);
    if (!status.ok()) return status;
    request.set_page_token(page.next_page_token());
    page.clear_next_page_token();
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  return all;
}

absl::Status Client::DeleteModel(const v1::DeleteModelRequest& request) {
  google::protobuf::Empty empty;
  return Call(models_, &v1::ModelService::Stub::DeleteModel, request, &empty);
}

absl::StatusOr<v1::Model> Client::UpdateModel(const v1::UpdateModelRequest& request) {
  v1::Model response;
  const absl::Status status =
      Call(models_, &v1::ModelService::Stub::UpdateModel, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Model> Client::CopyModel(const v1::CopyModelRequest& request) {
  v1::Model response;
  const absl::Status status = Call(models_, &v1::ModelService::Stub::CopyModel, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ModelVersion> Client::PublishVersion(const v1::PublishVersionRequest& request) {
  v1::ModelVersion response;
  const absl::Status status =
      Call(models_, &v1::ModelService::Stub::PublishVersion, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Model> Client::SetAlias(const v1::SetAliasRequest& request) {
  v1::Model response;
  const absl::Status status = Call(models_, &v1::ModelService::Stub::SetAlias, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Model> Client::DeleteAlias(const v1::DeleteAliasRequest& request) {
  v1::Model response;
  const absl::Status status =
      Call(models_, &v1::ModelService::Stub::DeleteAlias, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::Model> Client::RestoreVersion(const v1::RestoreVersionRequest& request) {
  v1::Model response;
  const absl::Status status =
      Call(models_, &v1::ModelService::Stub::RestoreVersion, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ListModelVersionsResponse> Client::ListModelVersions(absl::string_view model) {
  v1::ListModelVersionsRequest request;
  request.set_parent(std::string(model));
  request.set_page_size(kPageSize);
  v1::ListModelVersionsResponse all;
  do {
    v1::ListModelVersionsResponse page;
    const absl::Status status =
        Call(models_, &v1::ModelService::Stub::ListModelVersions, request, &page);
    if (!status.ok()) return status;
    all.mutable_model_versions()->MergeFrom(page.model_versions());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::Status Client::DeleteModelVersion(const v1::DeleteModelVersionRequest& request) {
  google::protobuf::Empty empty;
  return Call(models_, &v1::ModelService::Stub::DeleteModelVersion, request, &empty);
}

absl::StatusOr<v1::GetWeightsResponse> Client::GetWeights(const v1::GetWeightsRequest& request) {
  v1::GetWeightsResponse response;
  const absl::Status status =
      Call(models_, &v1::ModelService::Stub::GetWeights, request, &response);
  const bool too_large = ExceededLimit(status) == "max_message_bytes";
  if (too_large && request.layer_indexes_size() != 1) return GetWeightsByLayer(request);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::SetWeightsResponse> Client::SetWeights(const v1::SetWeightsRequest& request) {
  v1::SetWeightsResponse response;
  const absl::Status status =
      Call(models_, &v1::ModelService::Stub::SetWeights, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::PredictResponse> Client::Predict(const v1::PredictRequest& request) {
  v1::PredictResponse response;
  const absl::Status status =
      Call(prediction_, &v1::PredictionService::Stub::Predict, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::GetGradientsResponse> Client::GetGradients(
    const v1::GetGradientsRequest& request) {
  v1::GetGradientsResponse response;
  const absl::Status status =
      Call(training_, &v1::TrainingService::Stub::GetGradients, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::ApplyGradientsResponse> Client::ApplyGradients(
    const v1::ApplyGradientsRequest& request) {
  v1::ApplyGradientsResponse response;
  const absl::Status status =
      Call(training_, &v1::TrainingService::Stub::ApplyGradients, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::CheckGradientsResponse> Client::CheckGradients(
    const v1::CheckGradientsRequest& request) {
  v1::CheckGradientsResponse response;
  const absl::Status status =
      Call(training_, &v1::TrainingService::Stub::CheckGradients, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::EvaluateResponse> Client::Evaluate(const v1::EvaluateRequest& request) {
  v1::EvaluateResponse response;
  const absl::Status status =
      Call(training_, &v1::TrainingService::Stub::Evaluate, request, &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::GetServerInfoResponse> Client::GetServerInfo() {
  v1::GetServerInfoResponse response;
  const absl::Status status =
      Call(server_, &v1::ServerService::Stub::GetServerInfo, v1::GetServerInfoRequest(), &response);
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<grpc::health::v1::HealthCheckResponse> Client::CheckHealth(
    absl::string_view service) {
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(std::string(service));
  grpc::health::v1::HealthCheckResponse response;
  const absl::Status status =
      Call(health_, &grpc::health::v1::Health::Stub::Check, request, &response);
  if (!status.ok()) return status;
  return response;
}

}  // namespace chainrule::client
