#include "server/rpc/reflection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/support/status.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using grpc::reflection::v1alpha::ExtensionNumberResponse;
using grpc::reflection::v1alpha::ExtensionRequest;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

constexpr size_t kShown = 256;

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

void WriteError(grpc::StatusCode code, const std::string& message,
                ServerReflectionResponse* response) {
  response->mutable_error_response()->set_error_code(code);
  response->mutable_error_response()->set_error_message(message);
}

void WriteNotFound(const std::string& what, ServerReflectionResponse* response) {
  WriteError(grpc::StatusCode::NOT_FOUND,
             absl::StrCat("nothing here is called '", Printable(what, kShown), "'"), response);
}

// The file, and behind it all that it imports, each once.
void AddFile(const FileDescriptor* file, std::set<const FileDescriptor*>* added,
             FileDescriptorResponse* response) {
  if (!added->insert(file).second) return;
  FileDescriptorProto proto;
  file->CopyTo(&proto);
  proto.SerializeToString(response->add_file_descriptor_proto());
  for (int i = 0; i < file->dependency_count(); ++i) {
    AddFile(file->dependency(i), added, response);
  }
}

// Null: there is none.
void WriteFile(const FileDescriptor* file, const std::string& name,
               ServerReflectionResponse* response) {
  if (file == nullptr) return WriteNotFound(name, response);
  std::set<const FileDescriptor*> added;
  AddFile(file, &added, response->mutable_file_descriptor_response());
}

void WriteExtension(const ExtensionRequest& request, ServerReflectionResponse* response) {
  const Descriptor* const type = Pool().FindMessageTypeByName(request.containing_type());
  const FieldDescriptor* const extension =
      type == nullptr ? nullptr : Pool().FindExtensionByNumber(type, request.extension_number());
  WriteFile(extension == nullptr ? nullptr : extension->file(),
            absl::StrCat(request.containing_type(), ":", request.extension_number()), response);
}

void WriteExtensionNumbers(const std::string& name, ServerReflectionResponse* response) {
  const Descriptor* const type = Pool().FindMessageTypeByName(name);
  if (type == nullptr) return WriteNotFound(name, response);
  ExtensionNumberResponse* const numbers = response->mutable_all_extension_numbers_response();
  numbers->set_base_type_name(name);
  std::vector<const FieldDescriptor*> extensions;
  Pool().FindAllExtensions(type, &extensions);
  for (const FieldDescriptor* extension : extensions) {
    numbers->add_extension_number(extension->number());
  }
}

void WriteServices(const std::set<std::string>& services, ServerReflectionResponse* response) {
  auto* const list = response->mutable_list_services_response();
  for (const std::string& service : services) list->add_service()->set_name(service);
}

void WriteAnswer(const ServerReflectionRequest& request, const std::set<std::string>& services,
                 ServerReflectionResponse* response) {
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      return WriteFile(Pool().FindFileByName(request.file_by_filename()),
                       request.file_by_filename(), response);
    case ServerReflectionRequest::kFileContainingSymbol:
      return WriteFile(Pool().FindFileContainingSymbol(request.file_containing_symbol()),
                       request.file_containing_symbol(), response);
    case ServerReflectionRequest::kFileContainingExtension:
      return WriteExtension(request.file_containing_extension(), response);
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      return WriteExtensionNumbers(request.all_extension_numbers_of_type(), response);
    case ServerReflectionRequest::kListServices:
      return WriteServices(services, response);
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      return WriteError(grpc::StatusCode::INVALID_ARGUMENT, "message_request: missing", response);
  }
}

}  // namespace

ServerReflectionResponse Reflect(const ServerReflectionRequest& request,
                                 const std::set<std::string>& services) {
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  WriteAnswer(request, services, &response);
  return response;
}

}  // namespace chainrule::server
