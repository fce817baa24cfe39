#include "client/data/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

TEST(ParseNumberTest, RoundsToTheNearestFloat) {
  EXPECT_EQ(*ParseNumber("0.1"), 0.1f);
  EXPECT_EQ(*ParseNumber("16777217"), 16777216.0f);
  EXPECT_EQ(*ParseNumber("3.4028235e38"), std::numeric_limits<float>::max());
}

TEST(ParseNumberTest, WhatIsTooSmallIsZero) { EXPECT_EQ(*ParseNumber("1e-60"), 0.0f); }

TEST(ParseNumberTest, TakesDecimalsInEverySpelling) {
  EXPECT_EQ(*ParseNumber("1e3"), 1000.0f);
  EXPECT_EQ(*ParseNumber("+1"), 1.0f);
  EXPECT_EQ(*ParseNumber(".5"), 0.5f);
  EXPECT_EQ(*ParseNumber(" -2. "), -2.0f);
}

TEST(ParseNumberTest, RefusesHexadecimal) {
  for (const char* cell : {"0x10", "-0X1p3", "+0x.8"}) {
    EXPECT_EQ(ParseNumber(cell).status().message(), absl::StrCat("'", cell, "' is not a number"));
  }
}

TEST(IsUtf8Test, AcceptsEveryLengthOfCharacter) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("aé€😀"));
}

TEST(IsUtf8Test, RefusesWhatNoCharacterIs) {
  for (const char* text : {"\xE9", "\xC3", "\xC0\x80", "\xE2\x82", "\xED\xA0\x80", "\xE0\x80\x80",
                           "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF\xFE", "\x80"}) {
    EXPECT_FALSE(IsUtf8(text)) << absl::StrCat(text);
    EXPECT_FALSE(IsUtf8(absl::StrCat("a", text)));
  }
}

TEST(EscapedTest, LeavesNothingThatATerminalObeys) {
  EXPECT_EQ(Escaped("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(Escaped("a\n\r\tb"), "a\\n\\r\\tb");
  EXPECT_EQ(Escaped(absl::string_view("\0\x7F", 2)), "\\x00\\x7f");
  EXPECT_EQ(Escaped("\xC2\x9B"), "\\xc2\\x9b") << "the control sequence introducer of C1";
  EXPECT_EQ(Escaped("\x9B"), "\\x9b") << "no UTF-8";
}

TEST(EscapedTest, KeepsAllOtherText) {
  for (const char* text : {"", "it's \"so\" \\ 100 %", "aé€😀", "\xC2\xA0"}) {
    EXPECT_EQ(Escaped(text), text);
  }
}

TEST(EscapedTest, DoneTwiceIsDoneOnce) {
  const std::string once = Escaped("\x1b]0;\\n\xFF\n");
  EXPECT_EQ(Escaped(once), once);
}

TEST(FirstOfTest, EndsAListThatIsLong) {
  EXPECT_EQ(FirstOf({}), "");
  EXPECT_EQ(FirstOf(std::vector<std::string>{"a", "\x1b"}), "a, \\x1b");
  EXPECT_EQ(FirstOf(std::vector<std::string>(12, "a")), "a, a, a, a, a, a, a, a, a, a, a, a");
  EXPECT_EQ(FirstOf(std::vector<std::string>(13, "a")), "a, a, a, a, a, a, a, a, a, a, a, a, …");
}

TEST(QuotedTest, EscapesControlCharactersAndCutsLongText) {
  EXPECT_EQ(Quoted("a\nb"), "'a\\nb'");
  EXPECT_EQ(Quoted("é"), "'é'");
  EXPECT_LT(Quoted(std::string(1'000, 'x')).size(), 60);
  EXPECT_TRUE(IsUtf8(Quoted(absl::StrCat(std::string(39, 'x'), "é"))));
}

}  // namespace
}  // namespace chainrule::client
