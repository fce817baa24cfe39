#include "client/cli/any_rpc.h"

#include <memory>
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
  if (found->client_streaming() || found->server_streaming()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " streams; bench measures unary RPCs"));
  }
  return found;
}

}  // namespace

absl::StatusOr<AnyRpc> FindRpc(const std::string& name, const std::string& request_file) {
  const absl::StatusOr<const MethodDescriptor*> method = FindMethod(name);
  if (!method.ok()) return method.status();
  const auto* const prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype((*method)->input_type());
  const std::unique_ptr<google::protobuf::Message> request(prototype->New());
  if (!request_file.empty()) {
    const absl::Status read = ReadJson(request_file, /*ignore_unknown=*/false, request.get());
    if (!read.ok()) return read;
  }
  return AnyRpc{absl::StrCat("/", (*method)->service()->full_name(), "/", (*method)->name()),
                request->SerializeAsString()};
}

}  // namespace chainrule::client
