#ifndef CHAINRULE_TESTS_CLIENT_CLI_CLI_TEST_SUPPORT_H_
#define CHAINRULE_TESTS_CLIENT_CLI_CLI_TEST_SUPPORT_H_

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "client/cli/app.h"
#include "tests/support/test_server.h"

namespace chainrule::client {

// Answer: what a run of the program left.
struct Answer {
  int code = 0;
  std::string out;
  std::string error;
};

// `chainrule WORDS...`, in this process.
inline Answer RunProgram(const std::vector<std::string>& words) {
  std::vector<const char*> argv = {"chainrule"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  std::ostringstream out;
  std::ostringstream error;
  Answer answer;
  answer.code = RunCli(static_cast<int>(argv.size()), argv.data(), false, &out, &error);
  answer.out = out.str();
  answer.error = error.str();
  return answer;
}

// A shipped data set.
inline std::string Data(const std::string& name) {
  return std::string(CHAINRULE_SOURCE_DIR) + "/client/examples/data/" + name;
}

// CliTest: the program against a real server in this process.
class CliTest : public ::testing::Test {
 protected:
  Answer Run(std::vector<std::string> words) {
    words.insert(words.end(), {"--server", server_.server().grpc_address()});
    return RunProgram(words);
  }

  // The same, which must succeed.
  std::string MustRun(const std::vector<std::string>& words) {
    const Answer answer = Run(words);
    EXPECT_EQ(answer.code, 0) << answer.error;
    EXPECT_EQ(answer.error, "");
    return answer.out;
  }

  // The same with --output=json, read back; every field must be the message's own.
  template <typename Message>
  Message MustRunJson(std::vector<std::string> words) {
    words.emplace_back("--output=json");
    const std::string json = MustRun(words);
    Message message;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &message).ok()) << json;
    return message;
  }

  // What is asked wrongly, its exit code, and what is said then.
  struct Wrong {
    std::vector<std::string> words;
    int code;
    std::string says;
  };
  Answer ExpectWrong(const Wrong& wrong) {
    Answer answer = Run(wrong.words);
    EXPECT_EQ(answer.code, wrong.code) << answer.error;
    EXPECT_THAT(answer.error, ::testing::StartsWith("chainrule: "));
    EXPECT_THAT(answer.error, ::testing::HasSubstr(wrong.says));
    return answer;
  }

  test::TestServer& server() { return server_; }

 private:
  test::TestServer server_;
};

}  // namespace chainrule::client

#endif  // CHAINRULE_TESTS_CLIENT_CLI_CLI_TEST_SUPPORT_H_
