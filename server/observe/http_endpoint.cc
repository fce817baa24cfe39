#include "server/observe/http_endpoint.h"

#include <civetweb.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace chainrule::server {
namespace {

// civetweb writes to its own log unless told that it was dealt with.
int Swallow(const mg_connection* /*connection*/, const char* /*message*/) { return 1; }

int Answer(mg_connection* connection, void* data) {
  const auto& show = *static_cast<std::function<HttpEndpoint::Page()>*>(data);
  const HttpEndpoint::Page page = show();
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            "Content-Length: %zu\r\nConnection: close\r\n\r\n",
            page.status, mg_get_response_code_text(connection, page.status), page.body.size());
  mg_write(connection, page.body.data(), page.body.size());
  return page.status;
}

}  // namespace

struct HttpEndpoint::Impl {
  Pages pages;
  mg_context* context = nullptr;
};

HttpEndpoint::HttpEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& address,
                                                                  Pages pages) {
  auto impl = std::make_unique<Impl>();
  impl->pages = std::move(pages);
  mg_callbacks callbacks = {};
  callbacks.log_message = Swallow;
  const char* options[] = {"listening_ports",    address.c_str(), "num_threads", "2",
                           "request_timeout_ms", "5000",          nullptr};
  impl->context = mg_start(&callbacks, nullptr, options);
  if (impl->context == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  }
  for (auto& [path, show] : impl->pages) {
    mg_set_request_handler(impl->context, absl::StrCat(path, "$").c_str(), Answer, &show);
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(impl)));
}

HttpEndpoint::~HttpEndpoint() { mg_stop(impl_->context); }

int HttpEndpoint::port() const {
  mg_server_port port = {};
  return mg_get_server_ports(impl_->context, 1, &port) == 1 ? port.port : 0;
}

}  // namespace chainrule::server
