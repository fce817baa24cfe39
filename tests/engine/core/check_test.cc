#include "engine/core/check.h"

#include "gtest/gtest.h"

namespace chainrule::engine {
namespace {

TEST(CheckTest, TrueConditionPassesAndIsEvaluatedOnce) {
  int evaluations = 0;
  CHAINRULE_CHECK(++evaluations == 1);
  EXPECT_EQ(evaluations, 1);
}

TEST(CheckDeathTest, FalseConditionEndsTheProcessNamingThePlace) {
  EXPECT_DEATH(CHAINRULE_CHECK(1 + 1 == 3), "check_test.cc:[0-9]+: check failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace chainrule::engine
