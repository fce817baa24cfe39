#include "client/cli/app.h"

#include <span>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/cli/arguments.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/session.h"
#include "client/data/text.h"
#include "client/lib/errors.h"

namespace chainrule::client {
namespace {

constexpr int kServerSaidNo = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;

constexpr char kAbout[] =
    "Creates, trains and asks neural networks on a Chainrule server.\n"
    "`chainrule COMMAND --help` tells each command's flags.";

void AddSettings(CLI::App* app, Settings* settings) {
  Target* target = &settings->target;
  app->add_option("--server", target->address, "HOST:PORT or unix:PATH")
      ->envname("CHAINRULE_SERVER")
      ->capture_default_str();
  app->add_option_function<std::string>(
         "--output", [settings](const std::string& format) { settings->json = format == "json"; },
         "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->default_str("text");
  app->add_option("--token", target->token, "What the server asks its callers for")
      ->envname("CHAINRULE_TOKEN");
  CLI::Option* ca = app->add_option("--tls-ca", target->tls_ca,
                                    "Speaks TLS; a PEM file of who vouches for the server");
  CLI::Option* cert =
      app->add_option("--tls-cert", target->tls_cert, "A certificate to show, PEM")->needs(ca);
  CLI::Option* key = app->add_option("--tls-key", target->tls_key, "Its key, PEM")->needs(cert);
  cert->needs(key);
  AddDuration(app, "--timeout", &target->timeout,
              "How long a call may take; those that stream are not bound");
}

void AddCommands(CLI::App* app, Action* action) {
  AddCreate(app, action);
  AddTrain(app, action);
  AddPredict(app, action);
  AddEvaluate(app, action);
  AddGradients(app, action);
  AddCheck(app, action);
  AddModels(app, action);
  AddWeights(app, action);
  AddExport(app, action);
  AddImport(app, action);
  AddInfo(app, action);
  AddHealth(app, action);
  AddBench(app, action);
  AddServe(app, action);
}

// The command that was being read.
const CLI::App& CommandOf(const CLI::App& app) {
  const std::vector<CLI::App*> below = app.get_subcommands();
  return below.empty() ? app : CommandOf(*below.front());
}

// Its name as it was typed: `chainrule models show`.
std::string NameOf(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return parent == nullptr ? command.get_name()
                           : absl::StrCat(NameOf(*parent), " ", command.get_name());
}

std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& fault) {
  const std::vector<std::string> extras = app.remaining(true);
  const bool needs_command = CommandOf(app).get_require_subcommand_min() > 0;
  const bool is_required = dynamic_cast<const CLI::RequiredError*>(&fault) != nullptr;
  if (is_required && needs_command && !extras.empty()) {
    return absl::StrCat("no command ", Quoted(extras.front()));
  }
  return Escaped(fault.what());
}

int ReportUsage(const CLI::App& app, const CLI::ParseError& fault, std::ostream* out,
                std::ostream* error) {
  if (fault.get_exit_code() == 0) {
    app.exit(fault, *out, *error);
    return 0;
  }
  *error << "chainrule: " << WhatIsWrong(app, fault) << " (" << NameOf(CommandOf(app))
         << " --help)\n";
  return kUsage;
}

std::string TextOf(const absl::Status& status, const std::string& address) {
  if (OriginOf(status) == Origin::kHere) return Escaped(status.message());
  return OriginOf(status) == Origin::kServer ? Describe(status)
                                             : DescribeUnreachable(status, address);
}

int ReportStatus(const absl::Status& status, const std::string& address, std::ostream* error) {
  if (status.ok()) return 0;
  const Origin origin = OriginOf(status);
  const std::string text = TextOf(status, address);
  if (!text.empty()) *error << "chainrule: " << text << '\n';
  if (origin == Origin::kHere) return kUsage;
  return origin == Origin::kServer ? kServerSaidNo : kUnreachable;
}

}  // namespace

int RunCli(int argc, const char* const* argv, bool out_is_terminal, std::ostream* out,
           std::ostream* error) {
  CLI::App app(kAbout, "chainrule");
  Settings settings;
  settings.out_is_terminal = out_is_terminal;
  Action action;
  app.set_version_flag("--version", CHAINRULE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  AddSettings(&app, &settings);
  AddCommands(&app, &action);
  ExplainNumbers(&app);
  const absl::Status arguments =
      CheckArguments(&app, std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (!arguments.ok()) return ReportStatus(arguments, "", error);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& fault) {
    return ReportUsage(app, fault, out, error);
  }
  Session session(settings, out);
  const absl::Status status = action(session);
  out->flush();
  return ReportStatus(status, session.settings().target.address, error);
}

}  // namespace chainrule::client
