#include "server/app/address.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace chainrule::server {
namespace {

TEST(AddressTest, ReadsHostsAndPorts) {
  const auto plain = ParseAddress("127.0.0.1:50051");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->host, "127.0.0.1");
  EXPECT_EQ(plain->port, 50051);
  EXPECT_EQ(plain->ToString(7), "127.0.0.1:7");
  const auto six = ParseAddress("[::1]:0");
  ASSERT_TRUE(six.ok());
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->ToString(8), "[::1]:8");
}

TEST(AddressTest, ReadsUnixPaths) {
  const auto address = ParseAddress("unix:/run/chainrule.sock");
  ASSERT_TRUE(address.ok());
  EXPECT_TRUE(address->is_unix());
  EXPECT_EQ(address->ToString(0), "unix:/run/chainrule.sock");
}

TEST(AddressTest, RefusesWhatIsNone) {
  for (const char* text : {"", "host", ":1", "host:", "host:x", "host:-1", "host:65536", "::1:5",
                           "[::1]", "[::1", "[host]:5", "a]b:5", "unix:"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
  EXPECT_FALSE(ParseAddress(absl::StrCat("unix:", std::string(200, 'x'))).ok());
}

TEST(AddressTest, KnowsWhatIsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.8.9.1:1", "localhost:1", "[::1]:1", "unix:/x"}) {
    EXPECT_TRUE(ParseAddress(text)->is_loopback()) << text;
  }
  for (const char* text :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "127.evil.example.org:1"}) {
    EXPECT_FALSE(ParseAddress(text)->is_loopback()) << text;
  }
}

}  // namespace
}  // namespace chainrule::server
