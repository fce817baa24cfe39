#include "server/rpc/reflection.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <vector>

#include "chainrule/v1/prediction_service.pb.h"

namespace chainrule::server {
namespace {

using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::set<std::string> kNone;
// Has the linker take the file's descriptors in.
const google::protobuf::Descriptor* const kLinked = v1::PredictRequest::descriptor();

ServerReflectionResponse ReflectSymbol(const std::string& symbol) {
  ServerReflectionRequest request;
  request.set_file_containing_symbol(symbol);
  return Reflect(request, kNone);
}

std::vector<std::string> FileNames(const ServerReflectionResponse& response) {
  std::vector<std::string> names;
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(bytes));
    names.push_back(file.name());
  }
  return names;
}

TEST(ReflectionTest, ListsWhatIsServed) {
  ServerReflectionRequest request;
  request.set_host("here");
  request.set_list_services("*");
  const ServerReflectionResponse response = Reflect(request, {"a.B", "c.D"});
  EXPECT_EQ(response.valid_host(), "here");
  EXPECT_EQ(response.original_request().list_services(), "*");
  ASSERT_EQ(response.list_services_response().service_size(), 2);
  EXPECT_EQ(response.list_services_response().service(0).name(), "a.B");
  EXPECT_EQ(response.list_services_response().service(1).name(), "c.D");
}

TEST(ReflectionTest, AFileComesWithAllThatItImportsEachOnce) {
  const std::vector<std::string> names = FileNames(ReflectSymbol("chainrule.v1.PredictionService"));
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names[0], "chainrule/v1/prediction_service.proto");
  EXPECT_THAT(names, Contains("chainrule/v1/tensor.proto").Times(1));
}

TEST(ReflectionTest, SymbolsAreServicesMethodsMessagesAndFields) {
  for (const char* symbol : {"chainrule.v1.PredictionService.Predict",
                             "chainrule.v1.PredictRequest", "chainrule.v1.PredictRequest.model"}) {
    const std::vector<std::string> names = FileNames(ReflectSymbol(symbol));
    ASSERT_FALSE(names.empty()) << symbol;
    EXPECT_EQ(names[0], "chainrule/v1/prediction_service.proto") << symbol;
  }
}

TEST(ReflectionTest, AFileByItsName) {
  ServerReflectionRequest request;
  request.set_file_by_filename("google/protobuf/empty.proto");
  EXPECT_THAT(FileNames(Reflect(request, kNone)), ElementsAre("google/protobuf/empty.proto"));
}

TEST(ReflectionTest, ExtensionsOfAMessage) {
  ServerReflectionRequest request;
  request.set_all_extension_numbers_of_type("chainrule.v1.PredictRequest");
  const ServerReflectionResponse response = Reflect(request, kNone);
  EXPECT_EQ(response.all_extension_numbers_response().base_type_name(), kLinked->full_name());
  EXPECT_EQ(response.all_extension_numbers_response().extension_number_size(), 0);
}

TEST(ReflectionTest, WhatIsNotThereIsAnErrorInTheAnswer) {
  std::vector<ServerReflectionRequest> requests(4);
  requests[0].set_file_by_filename("nowhere.proto");
  requests[1].set_file_containing_symbol("no.Such");
  requests[2].set_all_extension_numbers_of_type("no.Such");
  requests[3].mutable_file_containing_extension()->set_containing_type("no.Such");
  for (const ServerReflectionRequest& request : requests) {
    const ServerReflectionResponse response = Reflect(request, kNone);
    EXPECT_EQ(response.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_THAT(response.error_response().error_message(), HasSubstr("no"));
  }
  EXPECT_EQ(Reflect({}, kNone).error_response().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace chainrule::server
