#include "server/observe/http_endpoint.h"

#include <civetweb.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace chainrule::server {
namespace {

// civetweb writes to its own log unless told that it was dealt with.
int Swallow(const mg_connection* /*connection*/, const char* /*message*/) { return 1; }

void Send(mg_connection* connection, const HttpEndpoint::Page& page) {
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            "Content-Length: %zu\r\nConnection: close\r\n\r\n",
            page.status, mg_get_response_code_text(connection, page.status), page.body.size());
  mg_write(connection, page.body.data(), page.body.size());
}

// Answers every request, known page or not: Debian's civetweb crashes where its own 404
// would be sent.
int Answer(mg_connection* connection) {
  const mg_request_info* request = mg_get_request_info(connection);
  const auto& pages = *static_cast<const HttpEndpoint::Pages*>(request->user_data);
  const auto page = pages.find(request->local_uri == nullptr ? "" : request->local_uri);
  Send(connection, page == pages.end() ? HttpEndpoint::Page{404, "not found\n"} : page->second());
  return 1;  // it was dealt with
}

}  // namespace

struct HttpEndpoint::Impl {
  int port() const;
  void Stop();

  Pages pages;
  mg_context* context = nullptr;
};

int HttpEndpoint::Impl::port() const {
  mg_server_port port = {};
  return mg_get_server_ports(context, 1, &port) == 1 ? port.port : 0;
}

// civetweb looks whether it shall stop when a connection comes, and else every two
// seconds: so one comes.
void HttpEndpoint::Impl::Stop() {
  constexpr absl::Duration kPause = absl::Milliseconds(5);
  const int knock_at = port();
  std::atomic<bool> stopped = false;
  std::thread knocker([&] {
    while (!stopped) {
      mg_close_connection(mg_connect_client("127.0.0.1", knock_at, 0, nullptr, 0));
      absl::SleepFor(kPause);
    }
  });
  mg_stop(context);
  stopped = true;
  knocker.join();
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Start(const std::string& address,
                                                                  Pages pages) {
  auto impl = std::make_unique<Impl>();
  impl->pages = std::move(pages);
  mg_callbacks callbacks = {};
  callbacks.log_message = Swallow;
  callbacks.begin_request = Answer;
  const char* options[] = {"listening_ports",    address.c_str(), "num_threads", "2",
                           "request_timeout_ms", "5000",          nullptr};
  impl->context = mg_start(&callbacks, &impl->pages, options);
  if (impl->context == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  }
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(impl)));
}

HttpEndpoint::~HttpEndpoint() { impl_->Stop(); }

int HttpEndpoint::port() const { return impl_->port(); }

}  // namespace chainrule::server
