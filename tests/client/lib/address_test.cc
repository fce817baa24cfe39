#include "client/lib/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace chainrule::client {
namespace {

using ::testing::HasSubstr;

TEST(AddressTest, TakesHostsWithPortsAndSocketFiles) {
  for (const char* address : {"127.0.0.1:50051", "localhost:1", "a-host.example:65535", "[::1]:80",
                              "unix:server.sock", "unix:/run/chainrule", "unix:///run/chainrule"}) {
    EXPECT_TRUE(CheckAddress(address).ok()) << CheckAddress(address);
  }
}

TEST(AddressTest, TellsWhatIsWrong) {
  struct Wrong {
    const char* address;
    const char* says;
  };
  for (const auto& [address, says] : {Wrong{"127.0.0.1:99999", "the port is not 1 to 65535"},
                                      {"127.0.0.1:0", "the port is not"},
                                      {"127.0.0.1:-1", "the port is not"},
                                      {"127.0.0.1:+80", "the port is not"},
                                      {"localhost:http", "the port is not"},
                                      {"localhost:", "the port is not"},
                                      {"127.0.0.1", "no port"},
                                      {"", "no port"},
                                      {":50051", "not a host"},
                                      {"::1:50051", "not a host"},
                                      {"[]:50051", "not a host"},
                                      {"[::1:50051", "not a host"},
                                      {"unix:", "no path"},
                                      {"http://127.0.0.1:50051", "a URL"}}) {
    const absl::Status status = CheckAddress(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(std::string("server address '") + address + "': " + says));
    EXPECT_THAT(std::string(status.message()), HasSubstr("HOST:PORT or unix:PATH is needed"));
  }
}

}  // namespace
}  // namespace chainrule::client
