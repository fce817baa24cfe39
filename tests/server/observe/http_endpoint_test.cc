#include "server/observe/http_endpoint.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/support/http_client.h"

namespace chainrule::server {
namespace {

using test::HttpGet;

std::unique_ptr<HttpEndpoint> Start() {
  HttpEndpoint::Pages pages;
  pages["/well"] = [] { return HttpEndpoint::Page{200, "all is well\n"}; };
  pages["/ill"] = [] { return HttpEndpoint::Page{503, "\n"}; };
  auto endpoint = HttpEndpoint::Start("127.0.0.1:0", std::move(pages));
  EXPECT_TRUE(endpoint.ok()) << endpoint.status();
  return *std::move(endpoint);
}

TEST(HttpEndpointTest, ShowsItsPages) {
  const auto endpoint = Start();
  ASSERT_GT(endpoint->port(), 0);
  EXPECT_EQ(HttpGet(endpoint->port(), "/well").body, "all is well\n");
  EXPECT_EQ(HttpGet(endpoint->port(), "/ill").status, 503);
}

TEST(HttpEndpointTest, EveryOtherPathIsNotFoundAndHarmless) {
  const auto endpoint = Start();
  for (const char* path : {"/", "/wel", "/well/", "/well/x", "/../../etc/passwd", "/%2e%2e/x"}) {
    EXPECT_EQ(HttpGet(endpoint->port(), path).status, 404) << path;
  }
  EXPECT_EQ(HttpGet(endpoint->port(), "/well").status, 200);
}

TEST(HttpEndpointTest, APortThatIsTakenIsRefused) {
  const auto endpoint = Start();
  const auto second =
      HttpEndpoint::Start(absl::StrCat("127.0.0.1:", endpoint->port()), HttpEndpoint::Pages());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace chainrule::server
