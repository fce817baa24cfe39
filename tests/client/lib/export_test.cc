// What Export does with a server that breaks its word, or a disk that takes no more.
#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chainrule/v1/model_service.grpc.pb.h"
#include "client/lib/client.h"
#include "client/lib/errors.h"
#include "client/lib/file_digest.h"
#include "tests/client/temp_file.h"

namespace chainrule::client {
namespace {

using ::testing::HasSubstr;

std::string DigestOf(const std::string& bytes) {
  FileDigest digest;
  digest.Add(bytes);
  return digest.Hex();
}

v1::ExportModelResponse Header(int64_t total_bytes, const std::string& digest) {
  v1::ExportModelResponse message;
  message.mutable_header()->set_total_bytes(total_bytes);
  message.mutable_header()->set_digest(digest);
  return message;
}

v1::ExportModelResponse Piece(const std::string& bytes) {
  v1::ExportModelResponse message;
  message.set_data(bytes);
  return message;
}

// Sends `messages` whatever it is asked, then `end`.
struct Script : public v1::ModelService::Service {
  grpc::Status ExportModel(grpc::ServerContext* /*context*/,
                           const v1::ExportModelRequest* /*request*/,
                           grpc::ServerWriter<v1::ExportModelResponse>* stream) override {
    // Of its own: a client that gave up has the next script already.
    const std::vector<v1::ExportModelResponse> script = messages;
    grpc::Status status = end;
    for (const auto& message : script) stream->Write(message);
    return status;
  }

  std::vector<v1::ExportModelResponse> messages;
  grpc::Status end;
};

// A scripted server, and a file that is there before.
class ExportTest : public ::testing::Test {
 protected:
  ExportTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&script_);
    server_ = builder.BuildAndStart();
    Target target;
    target.address = absl::StrCat("127.0.0.1:", port);
    client_ = *Client::Create(target);
  }
  ~ExportTest() override { server_->Shutdown(); }

  absl::StatusOr<v1::ExportModelHeader> Export(std::vector<v1::ExportModelResponse> messages,
                                               const grpc::Status& end = grpc::Status::OK) {
    script_.messages = std::move(messages);
    script_.end = end;
    return client_->Export(v1::ExportModelRequest(), file_.path());
  }

  std::string Content() const {
    std::ifstream file(file_.path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // The file is as it was, and nothing beside it.
  void ExpectUntouched() const {
    EXPECT_EQ(Content(), "old");
    const std::filesystem::directory_iterator files(
        std::filesystem::path(file_.path()).parent_path());
    EXPECT_EQ(std::distance(begin(files), end(files)), 1);
  }

 private:
  const TempFile file_{"f", "old"};
  Script script_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Client> client_;
};

// From xxHash's own test vectors.
TEST(FileDigestTest, WritesWhatXxhsumWrites) {
  EXPECT_EQ(DigestOf(""), "99aa06d3014798d86001c324468d497f");
}

TEST(FileDigestTest, IsTheSameHoweverTheBytesCome) {
  FileDigest digest;
  for (const char c : std::string(1000, 'a') + "b") digest.Add(absl::string_view(&c, 1));
  EXPECT_EQ(digest.Hex(), DigestOf(std::string(1000, 'a') + "b"));
  EXPECT_NE(digest.Hex(), DigestOf(std::string(1001, 'a')));
}

TEST_F(ExportTest, WritesWhatIsAnnounced) {
  ASSERT_TRUE(Export({Header(5, DigestOf("abxyz")), Piece("ab"), Piece("xyz")}).ok());
  EXPECT_EQ(Content(), "abxyz");
}

TEST_F(ExportTest, WhatIsNotAsAnnouncedIsNotWritten) {
  const std::string digest = DigestOf("abc");
  const std::vector<std::pair<std::vector<v1::ExportModelResponse>, std::string>> table = {
      {{}, "0 bytes of 0"},
      {{Header(3, digest)}, "0 bytes of 3"},
      {{Header(3, digest), Piece("ab")}, "2 bytes of 3"},
      {{Header(3, digest), Piece("abc"), Piece("d")}, "more bytes than announced"},
      {{Header(3, digest), Piece("abd")}, "bytes of another digest"},
      {{Header(3, ""), Piece("abc")}, "bytes of another digest"},
      {{Piece("abc"), Header(3, digest)}, "no header"},
      {{Header(3, digest), Piece("abc"), Header(3, digest)}, "a second header"}};
  for (const auto& [messages, says] : table) {
    const absl::Status status = Export(messages).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(says));
    ExpectUntouched();
  }
}

TEST_F(ExportTest, AStreamThatBreaksLeavesNothing) {
  const absl::Status status =
      Export({Header(3, DigestOf("abc")), Piece("abc")}, {grpc::StatusCode::UNAVAILABLE, "broken"})
          .status();
  EXPECT_EQ(OriginOf(status), Origin::kUnreachable);
  ExpectUntouched();
}

TEST_F(ExportTest, ADiskThatTakesNoMoreIsAFaultOfTheFile) {
  const std::string piece(1 << 16, 'a');
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight = {.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const absl::Status status = Export({Header(1 << 16, DigestOf(piece)), Piece(piece)}).status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(OriginOf(status), Origin::kHere);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/f: File too large"));
  ExpectUntouched();
}

}  // namespace
}  // namespace chainrule::client
