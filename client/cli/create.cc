#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/model_text.h"
#include "client/cli/spec_options.h"

namespace chainrule::client {
namespace {

struct Options {
  std::string model;
  SpecOptions spec;
  std::vector<std::string> tags;
  bool validate_only = false;
  std::string request_id;
};

void AddFlags(CLI::App* command, Options* options) {
  command->add_option("MODEL", options->model, "Its name")->required();
  AddSpecFlags(command, &options->spec);
  AddList(command, "--tag", &options->tags, "The model's own labels: KEY=VALUE");
  command->add_flag("--validate-only", options->validate_only,
                    "Only tells what would be created, and its size");
  AddRequestId(command, &options->request_id);
}

absl::StatusOr<v1::CreateModelRequest> MakeRequest(const Options& options) {
  v1::CreateModelRequest request;
  request.set_model_id(ModelId(options.model));
  request.set_request_id(options.request_id);
  request.set_validate_only(options.validate_only);
  absl::StatusOr<v1::ModelSpec> spec = MakeSpec(options.spec);
  if (!spec.ok()) return spec.status();
  *request.mutable_model()->mutable_spec() = *std::move(spec);
  const absl::Status status = ReadTags(options.tags, request.mutable_model()->mutable_labels());
  if (!status.ok()) return status;
  return request;
}

absl::Status Run(const Options& options, Session& session) {
  const absl::StatusOr<v1::CreateModelRequest> request = MakeRequest(options);
  if (!request.ok()) return request.status();
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::Model> model = (*client)->CreateModel(*request);
  if (!model.ok()) return model.status();
  if (session.json()) return session.PrintJson(*model);
  PrintModel(*model, session.out());
  return absl::OkStatus();
}

}  // namespace

void AddCreate(CLI::App* app, Action* action) {
  AddCommand<Options>(app, action, "create", "Creates a model", AddFlags, Run);
}

}  // namespace chainrule::client
