#include "server/models/identity.h"

#include <set>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chainrule::server {
namespace {

TEST(IdentityTest, UuidsAreRandomOnesInTheUsualForm) {
  std::set<std::string> seen;
  for (int i = 0; i < 1'000; ++i) {
    const std::string uuid = RandomUuid();
    EXPECT_THAT(uuid, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]"
                                            "[0-9a-f]{3}-[0-9a-f]{12}"));
    EXPECT_TRUE(seen.insert(uuid).second) << uuid;
  }
}

TEST(IdentityTest, TimeIsReadFromTheExampleOfTheStandard) {
  // RFC 9562, appendix A.6: 2022-02-22 14:22:22 at UTC−5.
  const auto time = TimeOfUuid("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
  ASSERT_TRUE(time.has_value());
  const absl::CivilSecond expected(2022, 2, 22, 19, 22, 22);
  EXPECT_EQ(*time, absl::FromCivil(expected, absl::UTCTimeZone()));
}

TEST(IdentityTest, OtherVersionsHaveNoTime) {
  EXPECT_FALSE(TimeOfUuid("919108f7-52d1-4320-9bac-f847db4148a8").has_value());  // A.3, version 4
  EXPECT_FALSE(TimeOfUuid("").has_value());
}

TEST(IdentityTest, IncarnationIsOneAProcess) {
  EXPECT_EQ(ProcessIncarnation(), ProcessIncarnation());
  EXPECT_NE(ProcessIncarnation(), RandomUuid());
}

}  // namespace
}  // namespace chainrule::server
