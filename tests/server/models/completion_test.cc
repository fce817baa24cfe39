#include "server/models/completion.h"

#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace chainrule::server {
namespace {

TEST(CompletionTest, PassesItsArgumentsOn) {
  std::string heard;
  Completion<std::string> done([&](std::string text) { heard = std::move(text); });
  done("ready");
  EXPECT_EQ(heard, "ready");
}

TEST(CompletionTest, IsCalledFromWhereItWasMovedTo) {
  int calls = 0;
  Completion<> first([&] { ++calls; });
  Completion<> second = std::move(first);
  second();
  EXPECT_EQ(calls, 1);
}

TEST(CompletionTest, ReleasesWhatItHoldsOnceCalled) {
  const auto held = std::make_shared<int>();
  Completion<> done([held] {});
  EXPECT_EQ(held.use_count(), 2);
  done();
  EXPECT_EQ(held.use_count(), 1);
}

TEST(CompletionDeathTest, CallingItTwiceEndsTheProcess) {
  EXPECT_DEATH(
      {
        Completion<> done([] {});
        done();
        done();
      },
      "check failed");
}

TEST(CompletionDeathTest, DroppingItUncalledEndsTheProcess) {
  EXPECT_DEATH({ Completion<> done([] {}); }, "check failed");
}

}  // namespace
}  // namespace chainrule::server
