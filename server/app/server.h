// Server: a server that runs, from Start to Drain. A movable value; several can live in
// one process. Thread-compatible.
#ifndef CHAINRULE_SERVER_APP_SERVER_H_
#define CHAINRULE_SERVER_APP_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/app/options.h"
#include "server/store/file_system.h"

namespace chainrule::server {

class Server {
 public:
  // Listens and serves. INVALID_ARGUMENT: the options contradict themselves, or name a
  // file that cannot be read; UNAVAILABLE: an address is taken; FAILED_PRECONDITION: the
  // data folder is another server's, or not one of this version; DATA_LOSS: its facts are
  // damaged;
  // INTERNAL: OpenBLAS gives wrong products. The message is one line.
  // `files` outlives the server; SQLite and the spool do not go through it.
  static absl::StatusOr<Server> Start(const Options& options,
                                      FileSystem* files = &PosixFileSystem());

  // Drains, unless that was done.
  ~Server();
  Server(Server&&) noexcept;
  Server& operator=(Server&&) = delete;

  // The real ones; 0 for a unix socket, or where there is no HTTP.
  int port() const;
  int http_port() const;
  // What clients connect to: HOST:PORT or unix:PATH; HOST:PORT or "none".
  std::string grpc_address() const;
  std::string http_address() const;

  // Stops: says NOT_SERVING, refuses new calls, ends streams that still receive, lets
  // calls finish, stops trainings at a whole step, writes checkpoints of all that
  // changed, so that nothing is left to recover, and returns within drain_timeout.
  // UNAVAILABLE tells callers whose work was not finished. Once.
  void Drain();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_APP_SERVER_H_
