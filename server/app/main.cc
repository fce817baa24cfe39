// chainrule-server: flags → options → Server::Start → signal → drain.
#include <cstdio>

#include "server/app/flags.h"
#include "server/app/server.h"
#include "server/app/signals.h"

namespace {

constexpr int kBadUsage = 2;

// One line, whatever was wrong.
int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "chainrule-server: %s\n", std::string(status.message()).c_str());
  return kBadUsage;
}

int Serve(const chainrule::server::Options& options) {
  absl::StatusOr<chainrule::server::Server> server = chainrule::server::Server::Start(options);
  if (!server.ok()) return Refuse(server.status());
  std::printf("READY grpc=%s http=%s\n", server->grpc_address().c_str(),
              server->http_address().c_str());
  std::fflush(stdout);
  chainrule::server::WaitForSignal();
  chainrule::server::EndAfter(options.drain_timeout);
  server->Drain();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  chainrule::server::CatchSignals();
  const absl::StatusOr<chainrule::server::CommandLine> command =
      chainrule::server::ParseCommandLine(argc, argv);
  if (!command.ok()) return Refuse(command.status());
  if (command->text.has_value()) {
    std::fputs(command->text->c_str(), stdout);
    return 0;
  }
  return Serve(command->options);
}
