#include "server/app/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace chainrule::server {
namespace {

using ::testing::HasSubstr;

TEST(OptionsTest, TheDefaultsAreSound) { EXPECT_TRUE(CheckOptions({}).ok()); }

TEST(OptionsTest, BeyondLoopbackNeedsTlsOrTheFlag) {
  Options options;
  options.listen = "0.0.0.0:1";
  EXPECT_THAT(std::string(CheckOptions(options).message()), HasSubstr("--insecure_remote"));
  options.insecure_remote = true;
  EXPECT_TRUE(CheckOptions(options).ok());
  options.insecure_remote = false;
  options.tls_cert = options.tls_key = "some file";
  EXPECT_TRUE(CheckOptions(options).ok());
  options.http_listen = "0.0.0.0:2";  // which has no TLS
  EXPECT_FALSE(CheckOptions(options).ok());
}

TEST(OptionsTest, EachContradictionNamesItsFlag) {
  const std::pair<std::function<void(Options*)>, const char*> cases[] = {
      {[](Options* o) { o->tls_key = "key.pem"; }, "--tls_cert"},
      {[](Options* o) { o->tls_client_ca = "ca.pem"; }, "--tls_client_ca"},
      {[](Options* o) { o->http_listen = "unix:/x"; }, "--http_listen"},
      {[](Options* o) { o->drain_timeout = absl::ZeroDuration(); }, "--drain_timeout"},
      {[](Options* o) { o->threads = 5000; }, "--threads"},
      {[](Options* o) { o->grpc_memory = 1; }, "--grpc_memory"},
      {[](Options* o) { o->limits.max_models = 0; }, "--max_models"},
      {[](Options* o) { o->limits.max_parameters = int64_t{1} << 30; }, "--max_parameters"},
      {[](Options* o) { o->limits.max_message_bytes = int64_t{3} << 30; }, "--max_message_bytes"},
      {[](Options* o) { o->limits.max_message_bytes = 1; }, "--max_message_bytes"},
      {[](Options* o) { o->limits.request_id_age = absl::ZeroDuration(); }, "--request_id_age"},
      {[](Options* o) { o->limits.request_id_age = absl::Seconds(-5); }, "--request_id_age"},
      {[](Options* o) { o->limits.max_queued_bytes = 1; }, "--max_queued_bytes"},
  };
  for (const auto& [spoil, flag] : cases) {
    Options options;
    spoil(&options);
    EXPECT_THAT(std::string(CheckOptions(options).message()), HasSubstr(flag));
  }
}

}  // namespace
}  // namespace chainrule::server
