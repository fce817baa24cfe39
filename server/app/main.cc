// chainrule-server: flags → options → Server::Start → signal → drain.
#include <cinttypes>
#include <cstdio>
#include <string>

#include "server/app/flags.h"
#include "server/app/machine.h"
#include "server/app/server.h"
#include "server/app/signals.h"
#include "server/store/check_folder.h"

namespace {

constexpr int kDamaged = 1;
constexpr int kBadUsage = 2;

// One line, whatever was wrong.
int Refuse(const absl::Status& status) {
  std::fprintf(stderr, "chainrule-server: %s\n", std::string(status.message()).c_str());
  return kBadUsage;
}

int Serve(const chainrule::server::Options& options) {
  chainrule::server::ReturnLargeBlocks();
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

// One line for each finding, one for what the next start cuts off, and one for all.
int Check(const std::string& folder) {
  const absl::StatusOr<chainrule::server::FolderReport> report =
      chainrule::server::CheckFolder(folder, &chainrule::server::PosixFileSystem());
  if (!report.ok()) return Refuse(report.status());
  for (const std::string& finding : report->findings) std::printf("%s\n", finding.c_str());
  if (!report->torn_tail.empty()) {
    std::printf("%s, which the next start cuts off\n", report->torn_tail.c_str());
  }
  std::printf("%s: %s; models %" PRId64 ", files of weights %" PRId64 " (%" PRId64
              " bytes), log records %" PRId64 "\n",
              folder.c_str(), report->sound() ? "sound" : "DAMAGED", report->models, report->files,
              report->bytes, report->log_records);
  return report->sound() ? 0 : kDamaged;
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
  return command->options.check ? Check(command->options.data_dir) : Serve(command->options);
}
