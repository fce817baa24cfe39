#include "client/cli/any_rpc.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "chainrule/v1/model_service.pb.h"
#include "chainrule/v1/prediction_service.pb.h"
#include "chainrule/v1/server_service.pb.h"
#include "chainrule/v1/training_service.pb.h"
#include "client/cli/json_file.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "grpc/health/v1/health.pb.h"
#include "inference/grpc_service.pb.h"

namespace chainrule::client {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::vector<const ServiceDescriptor*> Services() {
  std::vector<const ServiceDescriptor*> services;
  for (const FileDescriptor* file :
       {v1::GetModelRequest::descriptor()->file(), v1::TrainRequest::descriptor()->file(),
        v1::PredictRequest::descriptor()->file(), v1::GetServerInfoRequest::descriptor()->file(),
        inference::ModelInferRequest::descriptor()->file(),
        grpc::health::v1::HealthCheckRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) services.push_back(file->service(i));
  }
  return services;
}

bool IsCalled(const MethodDescriptor& method, const std::string& name) {
  return method.name() == name ||
         absl::StrCat(method.service()->name(), "/", method.name()) == name;
}

absl::StatusOr<const MethodDescriptor*> FindMethod(const std::string& name) {
  const MethodDescriptor* found = nullptr;
  for (const ServiceDescriptor* service : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor* const method = service->method(i);
      if (!IsCalled(*method, name)) continue;
      if (found != nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("several RPCs are called ", name, "; say ",
                                                       found->service()->name(), "/", name, " or ",
                                                       service->name(), "/", name));
      }
      found = method;
    }
  }
  if (found == nullptr) return absl::InvalidArgumentError(absl::StrCat("no RPC is called ", name));
  if (found->full_name() == "grpc.health.v1.Health.Watch") {
    return absl::InvalidArgumentError(absl::StrCat(name, " does not end; what is measured must"));
  }
  return found;
}

}  // namespace

absl::StatusOr<AnyRpc> FindRpc(const std::string& name, const std::string& request_file) {
  const absl::StatusOr<const MethodDescriptor*> method = FindMethod(name);
  if (!method.ok()) return method.status();
  const auto* const prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype((*method)->input_type());
  AnyRpc rpc;
  rpc.method = absl::StrCat("/", (*method)->service()->full_name(), "/", (*method)->name());
  rpc.streams = (*method)->client_streaming() || (*method)->server_streaming();
  std::vector<std::string> messages = {""};  // the bytes of an empty one
  if (!request_file.empty()) {
    absl::StatusOr<std::vector<std::string>> read = ReadJsonMessages(request_file, *prototype);
    if (!read.ok()) return read.status();
    messages = *std::move(read);
  }
  if (rpc.streams) {
    rpc.messages = std::move(messages);
    return rpc;
  }
  if (messages.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(request_file, ": ", messages.size(), " messages; ", name, " takes one"));
  }
  rpc.request = std::move(messages[0]);
  return rpc;
}

}  // namespace chainrule::client
