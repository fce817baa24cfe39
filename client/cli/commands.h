// The commands, one file each. Every function adds its subcommand to `app`; when that one
// is on the command line it puts what is to be done into *action.
#ifndef CHAINRULE_CLIENT_CLI_COMMANDS_H_
#define CHAINRULE_CLIENT_CLI_COMMANDS_H_

#include "CLI/CLI.hpp"
#include "client/cli/session.h"

namespace chainrule::client {

void AddCreate(CLI::App* app, Action* action);
void AddTrain(CLI::App* app, Action* action);
void AddPredict(CLI::App* app, Action* action);
void AddGradients(CLI::App* app, Action* action);
void AddEvaluate(CLI::App* app, Action* action);
void AddCheck(CLI::App* app, Action* action);
void AddModels(CLI::App* app, Action* action);
// Below `models`.
void AddVersions(CLI::App* models, Action* action);
void AddWeights(CLI::App* app, Action* action);
void AddExport(CLI::App* app, Action* action);
void AddImport(CLI::App* app, Action* action);
void AddHealth(CLI::App* app, Action* action);
void AddInfo(CLI::App* app, Action* action);
void AddBench(CLI::App* app, Action* action);
void AddServe(CLI::App* app, Action* action);

// Adds a subcommand that, when it is chosen, puts `run(*options, session)` into *action.
// `add_flags(command, options)` declares its flags.
template <typename Options, typename AddFlags, typename Run>
CLI::App* AddCommand(CLI::App* app, Action* action, const char* name, const char* help,
                     AddFlags add_flags, Run run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app->add_subcommand(name, help);
  add_flags(command, options.get());
  command->callback([action, options, run] {
    *action = [options, run](Session& session) { return run(*options, session); };
  });
  return command;
}

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_COMMANDS_H_
