#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "client/cli/commands.h"

namespace chainrule::client {
namespace {

// The server's program, in the folder of this one.
std::string ServerPath() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (error ? std::filesystem::path() : self.parent_path()) / "chainrule-server";
}

// Becomes the server, so that signals and the exit code are its own.
absl::Status Serve(const std::vector<std::string>& flags) {
  std::string path = ServerPath();
  std::vector<std::string> words = flags;
  std::vector<char*> argv = {path.data()};
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(path.c_str(), argv.data());
  return absl::ErrnoToStatus(errno, path);
}

}  // namespace

void AddServe(CLI::App* app, Action* action) {
  CLI::App* command =
      app->add_subcommand("serve", "Runs the server beside this program; takes its flags");
  command->fallthrough(false);
  command->set_help_flag();
  command->prefix_command();
  command->callback([action, command] {
    *action = [flags = command->remaining()](Session&) { return Serve(flags); };
  });
}

}  // namespace chainrule::client
