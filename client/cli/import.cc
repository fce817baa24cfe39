#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/json_file.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string file;
  std::string model;
  std::string into;
  std::string spec_file;
  std::vector<std::string> tags;
  bool reset_optimizer = false;
  WriteOptions write;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("FILE", options->file, "Safetensors, as `export` writes")->required();
  CLI::Option* model = command->add_option("--model", options->model, "Makes a new model");
  CLI::Option* into =
      command
          ->add_option("--into", options->into, "Replaces this model's weights, of the same shape")
          ->excludes(model);
  command
      ->add_option("--spec", options->spec_file,
                   "The new model's spec, JSON, where the file has none, or in its place")
      ->excludes(into);
  AddList(command, "--tag", &options->tags, "The new model's own labels: KEY=VALUE")
      ->excludes(into);
  command->add_flag("--reset-optimizer", options->reset_optimizer,
                    "Begins with the optimizer's state at zero even where the file has it");
  AddWriteOptions(command, &options->write);
  command->get_option("--if-step")->needs(into);
}

absl::StatusOr<v1::ImportModelHeader> MakeHeader(const Options& options) {
  v1::ImportModelHeader header;
  if (options.model.empty() && options.into.empty()) {
    return absl::InvalidArgumentError("where to? say --model or --into");
  }
  if (options.into.empty()) {
    header.set_model_id(ModelId(options.model));
  } else {
    header.set_model(ModelName(options.into));
  }
  if (!options.spec_file.empty()) {
    const absl::Status status = ReadJson(options.spec_file, false, header.mutable_spec());
    if (!status.ok()) return status;
  }
  const absl::Status status = ReadTags(options.tags, header.mutable_labels());
  if (!status.ok()) return status;
  header.set_reset_optimizer(options.reset_optimizer);
  if (options.write.if_step) header.set_if_step(*options.write.if_step);
  header.set_request_id(options.write.request_id);
  return header;
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<v1::ImportModelHeader> header = MakeHeader(options);
  if (!header.ok()) return header.status();
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::Model> model = (*client)->Import(*header, options.file);
  if (!model.ok()) return model.status();
  if (session.json()) return session.PrintJson(*model);
  session.out() << "imported " << Escaped(model->name()) << ", " << model->parameter_count()
                << " parameters, at step " << model->step() << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddImport(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "import", "Makes a model, or sets its weights, from a file",
                      AddFlags, Run);
}

}  // namespace chainrule::client
