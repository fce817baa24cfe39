#include "tests/support/error_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "engine/core/error.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::test {
namespace {

using ::testing::Not;

grpc::Status Saying(const std::string& description) {
  return server::ToGrpcStatus(engine::InvalidField("rate", description));
}

TEST(IsBadFieldTest, WantsTheWholeValueAndSomethingAllowed) {
  EXPECT_THAT(Saying("0; must be above 0"), IsBadField("rate", "0"));
  EXPECT_THAT(Saying("10; must be above 0"), Not(IsBadField("rate", "0")));
  EXPECT_THAT(Saying("01; must be above 0"), Not(IsBadField("rate", "0")));
  EXPECT_THAT(Saying("0"), Not(IsBadField("rate", "0")));
  EXPECT_THAT(Saying("0; "), Not(IsBadField("rate", "0")));
  EXPECT_THAT(Saying("must be above 0"), Not(IsBadField("rate", "0")));
  EXPECT_THAT(Saying("0; must be above 0"), Not(IsBadField("rates", "0")));
}

TEST(IsBadFieldTest, WantsWhatIsAllowedWhereItIsGiven) {
  EXPECT_THAT(Saying("0; must be above 0"), IsBadField("rate", "0; must be above 0"));
  EXPECT_THAT(Saying("0; must be above 0"), IsBadField("rate", "0; must be"));
  EXPECT_THAT(Saying("0; must be above 0"), Not(IsBadField("rate", "0; must be above 1")));
  EXPECT_THAT(Saying("0; must be above 0"), Not(IsBadField("rate", "must be above 0")));
}

}  // namespace
}  // namespace chainrule::test
