#include "client/lib/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace chainrule::client {
namespace {

grpc::Status ServerStatus(grpc::StatusCode code, const std::string& message,
                          const google::protobuf::Message& detail) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(message);
  status.add_details()->PackFrom(google::rpc::ErrorInfo());
  status.add_details()->PackFrom(detail);
  return {code, message, status.SerializeAsString()};
}

TEST(ErrorsTest, WhatTheServerSaysIsToldApartFromNobodySayingAnything) {
  const grpc::Status said =
      ServerStatus(grpc::StatusCode::UNAVAILABLE, "stopping", google::rpc::ErrorInfo());
  EXPECT_EQ(OriginOf(FromGrpc(said, true)), Origin::kServer);
  const grpc::Status silence(grpc::StatusCode::UNAVAILABLE, "connection refused");
  EXPECT_EQ(OriginOf(FromGrpc(silence, false)), Origin::kUnreachable);
  EXPECT_EQ(OriginOf(FromGrpc(silence, true)), Origin::kUnreachable);
  const grpc::Status late(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded");
  EXPECT_EQ(OriginOf(FromGrpc(late, true)), Origin::kServer);
  EXPECT_EQ(OriginOf(FromGrpc(late, false)), Origin::kUnreachable);
  EXPECT_EQ(OriginOf(absl::InvalidArgumentError("a file")), Origin::kHere);
  EXPECT_TRUE(FromGrpc(grpc::Status::OK, true).ok());
}

TEST(ErrorsTest, FurtherViolationsStandBelowTheMessage) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("a");
  auto* second = bad.add_field_violations();
  second->set_field("b");
  second->set_description("is wrong");
  bad.add_field_violations()->set_description("and 3 more");
  const auto status = FromGrpc(
      ServerStatus(grpc::StatusCode::INVALID_ARGUMENT, "a: is bad (and 4 more)", bad), true);
  EXPECT_EQ(Describe(status),
            "INVALID_ARGUMENT: a: is bad (and 4 more)\n  b: is wrong\n  and 3 more");
}

TEST(ErrorsTest, ControlCharactersAreEscaped) {
  google::rpc::BadRequest bad;
  bad.add_field_violations();
  bad.add_field_violations()->set_description("'\x1b[31m' is\nwrong");
  const auto status =
      FromGrpc(ServerStatus(grpc::StatusCode::INVALID_ARGUMENT, "no '\x1b[31m'", bad), true);
  EXPECT_EQ(Describe(status), "INVALID_ARGUMENT: no '\\x1b[31m'\n  '\\x1b[31m' is\\nwrong");
}

TEST(ErrorsTest, SaysWhenToComeBack) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(250'000'000);
  const auto status =
      FromGrpc(ServerStatus(grpc::StatusCode::RESOURCE_EXHAUSTED, "full", retry), true);
  EXPECT_EQ(Describe(status), "RESOURCE_EXHAUSTED: full (again in 250ms)");
}

TEST(ErrorsTest, AHintChangesNothingButTheMessage) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason("DIVERGED");
  details.add_details()->PackFrom(info);
  const auto status = FromGrpc(
      {grpc::StatusCode::FAILED_PRECONDITION, "it diverged", details.SerializeAsString()}, true);
  const absl::Status hinted = WithHint(status, "go slow");
  EXPECT_EQ(Describe(hinted), "FAILED_PRECONDITION: it diverged; go slow");
  EXPECT_EQ(ReasonOf(hinted), "DIVERGED");
  EXPECT_EQ(OriginOf(hinted), Origin::kServer);
  EXPECT_EQ(ReasonOf(absl::InvalidArgumentError("a file")), "");
}

TEST(ErrorsTest, AServerThatIsNotThereIsNamedAsItWasGiven) {
  const auto said = [](grpc::StatusCode code, const std::string& message) {
    return DescribeUnreachable(FromGrpc({code, message}, false), "localhost:5");
  };
  EXPECT_EQ(said(grpc::StatusCode::UNAVAILABLE, "ipv4:127.0.0.1:5: Connection refused"),
            "UNAVAILABLE: no server listens at localhost:5; `chainrule serve` starts one "
            "(ipv4:127.0.0.1:5: Connection refused)");
  EXPECT_EQ(said(grpc::StatusCode::UNAVAILABLE, "Socket\nclosed"),
            "UNAVAILABLE: localhost:5: Socket closed");
  EXPECT_EQ(said(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded"),
            "DEADLINE_EXCEEDED: localhost:5: Deadline Exceeded");
}

}  // namespace
}  // namespace chainrule::client
