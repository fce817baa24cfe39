// HttpEndpoint: a few pages over plain HTTP, for probes and scrapers: GET only.
// Thread-safe. Owned by the server; its destructor waits for requests under way.
#ifndef CHAINRULE_SERVER_OBSERVE_HTTP_ENDPOINT_H_
#define CHAINRULE_SERVER_OBSERVE_HTTP_ENDPOINT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace chainrule::server {

class HttpEndpoint {
 public:
  struct Page {
    int status = 200;
    std::string body;
  };
  // From a path, such as "/metrics", to what it shows. Called on the endpoint's threads.
  using Pages = std::map<std::string, std::function<Page()>>;

  // Listens on `address`, HOST:PORT; port 0 picks a free one. UNAVAILABLE: it cannot,
  // because the port is taken or the address is not this machine's.
  static absl::StatusOr<std::unique_ptr<HttpEndpoint>> Start(const std::string& address,
                                                             Pages pages);
  ~HttpEndpoint();
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  // The port it listens on.
  int port() const;

 private:
  struct Impl;
  explicit HttpEndpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_OBSERVE_HTTP_ENDPOINT_H_
