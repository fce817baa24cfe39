#include "server/observe/log.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

namespace chainrule::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kTime[] = "2024-05-01T00:00:00.000Z";

TEST(LogTest, TextLinesQuoteOnlyWhatNeedsIt) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, kTime, LogLevel::kInfo, "call",
                          {{"rpc", "Train"}, {"error", "no such \"thing\""}, {"peer", ""}}),
            std::string(kTime) + R"( info call rpc=Train error="no such \"thing\"" peer="")");
}

TEST(LogTest, JsonLinesAreJson) {
  const std::string line =
      FormatLogLine(LogFormat::kJson, kTime, LogLevel::kError, "a \\ b", {{"key", "\"\n\t"}});
  google::protobuf::Struct object;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &object).ok()) << line;
  EXPECT_EQ(object.fields().at("message").string_value(), "a \\ b");
  EXPECT_EQ(object.fields().at("key").string_value(), "\"\n\t");
  EXPECT_EQ(object.fields().at("level").string_value(), "error");
}

TEST(LogTest, NoValueCanForgeALine) {
  for (const LogFormat format : {LogFormat::kText, LogFormat::kJson}) {
    const std::string line =
        FormatLogLine(format, kTime, LogLevel::kInfo, "a\nb", {{"peer", "x\r\n2024 error forged"}});
    EXPECT_THAT(line, Not(HasSubstr("\n")));
    EXPECT_THAT(line, Not(HasSubstr("\r")));
  }
}

TEST(LogTest, WritesToStderrWhatItsLevelWants) {
  ::testing::internal::CaptureStderr();
  {
    const Logger log(LogLevel::kWarning, LogFormat::kText);
    log.Write(LogLevel::kInfo, "small talk");
    log.Write(LogLevel::kError, "trouble", {{"where", "here"}});
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr(" error trouble where=here\n"));
  EXPECT_THAT(text, Not(HasSubstr("small talk")));
}

}  // namespace
}  // namespace chainrule::server
