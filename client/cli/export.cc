#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string model;
  std::string file;
  bool include_optimizer = false;
  bool fold_normalization = false;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name, or a version's: iris@3, iris@prod")
      ->required();
  command
      ->add_option("FILE", options->file,
                   "Where to, as safetensors; what is there is replaced once all has come")
      ->required();
  CLI::Option* optimizer =
      command->add_flag("--include-optimizer", options->include_optimizer,
                        "With the optimizer's state, so that training can go on from the file");
  command
      ->add_flag("--fold-normalization", options->fold_normalization,
                 "As a network that takes raw inputs and answers in their units")
      ->excludes(optimizer);
}

// The model with the number of the version that it was.
std::string Exported(const std::string& model, const v1::ExportModelHeader& header) {
  if (header.version() == 0) return model;
  return absl::StrCat(model.substr(0, model.find('@')), "@", header.version());
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  v1::ExportModelRequest request;
  request.set_model(ModelName(options.model));
  request.set_include_optimizer(options.include_optimizer);
  request.set_fold_normalization(options.fold_normalization);
  const absl::StatusOr<v1::ExportModelHeader> header = (*client)->Export(request, options.file);
  if (!header.ok()) return header.status();
  if (session.json()) return session.PrintJson(*header);
  session.out() << "exported " << Escaped(Exported(request.model(), *header)) << " at step "
                << header->model_step() << ", " << header->total_bytes() << " bytes\n";
  return absl::OkStatus();
}

}  // namespace

void AddExport(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "export", "Writes a model to a file", AddFlags, Run);
}

}  // namespace chainrule::client
