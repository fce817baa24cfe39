#include "server/convert/listing.h"

#include <map>
#include <string>

#include "gtest/gtest.h"
#include "tests/server/convert/support.h"

namespace chainrule::server {
namespace {

bool Matches(const std::string& filter, const std::map<std::string, std::string>& labels) {
  const auto parsed = LabelFilter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() && parsed->Matches(labels);
}

TEST(LabelFilterTest, HoldsWhereAllConditionsDo) {
  EXPECT_TRUE(Matches("", {}));
  EXPECT_TRUE(Matches(R"(labels.team = "a")", {{"team", "a"}}));
  EXPECT_FALSE(Matches(R"(labels.team = "a")", {{"team", "b"}}));
  EXPECT_FALSE(Matches(R"(labels.team = "a")", {}));
  EXPECT_TRUE(Matches("labels.team:*", {{"team", ""}}));
  EXPECT_FALSE(Matches("labels.team:*", {{"tea", "m"}}));
  EXPECT_TRUE(Matches(R"( labels.a="1"  AND labels.b : * )", {{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(Matches(R"(labels.a="1" AND labels.b:*)", {{"a", "1"}}));
  EXPECT_TRUE(Matches(R"(labels.a = "say \"x\\y\" AND z")", {{"a", R"(say "x\y" AND z)"}}));
}

TEST(LabelFilterTest, RefusesWhatItDoesNotUnderstand) {
  for (const std::string filter :
       {"team = \"a\"", "labels.", "labels.team", "labels.team = a", "labels.team = \"a",
        "labels.team != \"a\"", "labels.team:x", "labels.team:* AND", "labels.team:* OR labels.a:*",
        "labels.team:* labels.a:*", "labels.team = \"a\\n\"", "labels.a:* ANDlabels.b:*"}) {
    ExpectRefused(LabelFilter::Parse(filter).status(), "filter", "must be conditions");
  }
}

v1::ListModelsRequest Page(int32_t size, const std::string& token = "",
                           const std::string& filter = "") {
  v1::ListModelsRequest request;
  request.set_page_size(size);
  request.set_page_token(token);
  request.set_filter(filter);
  return request;
}

TEST(ReadListModelsTest, PagesHaveFiftyModelsUnlessToldAndAThousandAtMost) {
  EXPECT_EQ(ReadListModels(Page(0))->page_size, 50);
  EXPECT_EQ(ReadListModels(Page(7))->page_size, 7);
  EXPECT_EQ(ReadListModels(Page(1000))->page_size, 1000);
  EXPECT_EQ(ReadListModels(Page(1001))->page_size, 1000);
  ExpectRefused(ReadListModels(Page(-1)).status(), "page_size", "-1; must be 0 or more");
}

TEST(ReadListModelsTest, GoesOnAfterTheTokensModel) {
  EXPECT_EQ(ReadListModels(Page(0))->after, "");
  EXPECT_EQ(ReadListModels(Page(0, MakePageToken("iris", "")))->after, "iris");
  EXPECT_EQ(MakePageToken("", ""), "");
}

TEST(ReadListModelsTest, RefusesTokensThatItDidNotGiveForThisFilter) {
  const std::string token = MakePageToken("iris", "labels.a:*");
  EXPECT_TRUE(ReadListModels(Page(0, token, "labels.a:*")).ok());
  ExpectRefused(ReadListModels(Page(0, token)).status(), "page_token", "with the same filter");
  for (const std::string bad : {"x", "iris", "!!!", "aXJpcw"}) {
    ExpectRefused(ReadListModels(Page(0, bad)).status(), "page_token", "must be empty or the");
  }
}

}  // namespace
}  // namespace chainrule::server
