#include "server/app/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chainrule::server {
namespace {

using ::testing::StartsWith;

absl::StatusOr<CommandLine> Parse(std::initializer_list<const char*> flags) {
  std::vector<const char*> argv = {"chainrule-server"};
  argv.insert(argv.end(), flags);
  return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
}

TEST(ByteSizeTest, ReadsNumbersAndUnits) {
  EXPECT_EQ(ParseByteSize("0"), 0);
  EXPECT_EQ(ParseByteSize("1000"), 1000);
  EXPECT_EQ(ParseByteSize("3KiB"), 3072);
  EXPECT_EQ(ParseByteSize("64MiB"), 64 * 1024 * 1024);
  EXPECT_EQ(ParseByteSize("2GiB"), int64_t{2} << 30);
}

TEST(ByteSizeTest, RefusesWhatIsNone) {
  for (const char* text : {"", "MiB", "-1", "+1", " 1", "1 MiB", "1MB", "1.5GiB", "0x10",
                           "9223372036854775808", "9223372036854775807KiB"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

TEST(FlagsTest, NothingSaidGivesTheDefaults) {
  const auto command = Parse({});
  ASSERT_TRUE(command.ok()) << command.status();
  const Options defaults;
  EXPECT_EQ(command->options.listen, defaults.listen);
  EXPECT_EQ(command->options.drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(command->options.limits.max_message_bytes, defaults.limits.max_message_bytes);
  EXPECT_FALSE(command->text.has_value());
}

TEST(FlagsTest, FillsEveryKindOfOption) {
  const auto command =
      Parse({"--listen=[::1]:7", "--insecure_remote", "--threads=3", "--max_message_bytes=1MiB",
             "--drain_timeout=1m30s", "--log_level=debug", "--log_format=json", "--max_rows", "9"});
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->options.listen, "[::1]:7");
  EXPECT_TRUE(command->options.insecure_remote);
  EXPECT_EQ(command->options.threads, 3);
  EXPECT_EQ(command->options.limits.max_message_bytes, 1 << 20);
  EXPECT_EQ(command->options.drain_timeout, absl::Seconds(90));
  EXPECT_EQ(command->options.log_level, LogLevel::kDebug);
  EXPECT_EQ(command->options.log_format, LogFormat::kJson);
  EXPECT_EQ(command->options.limits.max_rows, 9);
}

TEST(FlagsTest, TheEnvironmentCounts) {
  setenv("CHAINRULE_MAX_MODELS", "12", 1);
  const auto from_environment = Parse({});
  const auto from_line = Parse({"--max_models=34"});
  unsetenv("CHAINRULE_MAX_MODELS");
  ASSERT_TRUE(from_environment.ok());
  EXPECT_EQ(from_environment->options.limits.max_models, 12);
  EXPECT_EQ(from_line->options.limits.max_models, 34);
}

// Every flag that the help names and that takes a value; `--name=` must not take the argument
// that follows.
TEST(FlagsTest, AnEmptyValueIsRefusedOfEveryFlag) {
  const std::string help = *Parse({"--help"})->text;
  int flags = 0;
  for (const absl::string_view line : absl::StrSplit(help, '\n')) {
    if (!absl::StartsWith(line, "  --") || absl::StartsWith(line, "  --version")) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    const std::string name(words[0]);
    const auto command = Parse({(name + "=").c_str(), "--listen=127.0.0.1:0"});
    EXPECT_THAT(std::string(command.status().message()), StartsWith(name + ": empty; must be "));
    ++flags;
  }
  EXPECT_GE(flags, 30);
}

TEST(FlagsTest, AnEmptyValueIsRefusedAsAnArgumentOfItsOwn) {
  for (const char* flag : {"--data_dir", "--token_file", "--max_rows", "--durability"}) {
    const auto command = Parse({flag, ""});
    EXPECT_THAT(std::string(command.status().message()),
                StartsWith(absl::StrCat(flag, ": empty; must be ")));
  }
  EXPECT_EQ(Parse({"--data_dir=a="})->options.data_dir, "a=");
}

TEST(FlagsTest, AnEmptyVariableIsRefusedUnlessTheLineSaysOtherwise) {
  setenv("CHAINRULE_TOKEN_FILE", "", 1);
  const auto from_environment = Parse({});
  const auto from_line = Parse({"--token_file=t"});
  const auto help = Parse({"--help"});
  unsetenv("CHAINRULE_TOKEN_FILE");
  EXPECT_THAT(std::string(from_environment.status().message()),
              StartsWith("CHAINRULE_TOKEN_FILE: empty; must be "));
  ASSERT_TRUE(from_line.ok()) << from_line.status();
  EXPECT_EQ(from_line->options.token_file, "t");
  EXPECT_TRUE(help.ok()) << help.status();
}

TEST(FlagsTest, WhatIsWrongIsSaidInOneLine) {
  for (const char* flag : {"--max_rows=1.5", "--max_rows=", "--threads=99999999999999999999",
                           "--request_id_age=day", "--log_level=loud", "--unknown=1", "stray"}) {
    const auto command = Parse({flag});
    ASSERT_FALSE(command.ok()) << flag;
    EXPECT_EQ(command.status().message().find('\n'), absl::string_view::npos) << flag;
  }
}

}  // namespace
}  // namespace chainrule::server
