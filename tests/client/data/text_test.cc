#include "client/data/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"

namespace chainrule::client {
namespace {

TEST(ParseNumberTest, RoundsToTheNearestFloat) {
  EXPECT_EQ(*ParseNumber("0.1"), 0.1f);
  EXPECT_EQ(*ParseNumber("16777217"), 16777216.0f);
  EXPECT_EQ(*ParseNumber("3.4028235e38"), std::numeric_limits<float>::max());
}

TEST(ParseNumberTest, WhatIsTooSmallIsZero) { EXPECT_EQ(*ParseNumber("1e-60"), 0.0f); }

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

TEST(QuotedTest, EscapesControlCharactersAndCutsLongText) {
  EXPECT_EQ(Quoted("a\nb"), "'a\\nb'");
  EXPECT_EQ(Quoted("é"), "'é'");
  EXPECT_LT(Quoted(std::string(1'000, 'x')).size(), 60);
  EXPECT_TRUE(IsUtf8(Quoted(absl::StrCat(std::string(39, 'x'), "é"))));
}

}  // namespace
}  // namespace chainrule::client
