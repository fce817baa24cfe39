#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/model_text.h"
#include "client/cli/table.h"
#include "google/protobuf/empty.pb.h"

namespace chainrule::client {
namespace {

struct ListOptions {
  std::string filter;
};

absl::Status List(const ListOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::ListModelsResponse> models = (*client)->ListModels(options.filter);
  if (!models.ok()) return models.status();
  if (session.json()) return session.PrintJson(*models);
  Table table({"model", "network", "parameters", "step", "state"});
  for (const v1::Model& model : models->models()) {
    table.Add({model.name(), WidthsOf(model.spec()), absl::StrCat(model.parameter_count()),
               absl::StrCat(model.step()), EnumName(v1::ModelState_descriptor(), model.state())});
  }
  table.Print(session.out());
  return absl::OkStatus();
}

struct ShowOptions {
  std::string model;
};

absl::Status Show(const ShowOptions& options, Session& session) {
  const absl::StatusOr<v1::Model> model = session.GetModel(options.model);
  if (!model.ok()) return model.status();
  if (session.json()) return session.PrintJson(*model);
  PrintModel(*model, session.out());
  return absl::OkStatus();
}

struct DeleteOptions {
  std::string model;
  std::string etag;
  std::string request_id;
};

absl::Status DeleteVersion(const DeleteOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  v1::DeleteModelVersionRequest request;
  request.set_name(ModelName(options.model));
  request.set_request_id(options.request_id);
  const absl::Status status = (*client)->DeleteModelVersion(request);
  if (!status.ok()) return status;
  if (session.json()) return session.PrintJson(google::protobuf::Empty());
  session.out() << "deleted " << request.name() << '\n';
  return absl::OkStatus();
}

absl::Status Delete(const DeleteOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  if (absl::StrContains(options.model, '@')) return DeleteVersion(options, session);
  v1::DeleteModelRequest request;
  request.set_name(ModelName(options.model));
  request.set_etag(options.etag);
  request.set_request_id(options.request_id);
  const absl::Status status = (*client)->DeleteModel(request);
  if (!status.ok()) return status;
  if (session.json()) return session.PrintJson(google::protobuf::Empty());
  session.out() << "deleted " << request.name() << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddModels(CLI::App* app, Action* action) {
  CLI::App* models = app->add_subcommand(
      "models", "Lists, shows, copies and deletes models; keeps and names versions");
  models->require_subcommand(1);
  AddCommand<ListOptions>(
      models, action, "list", "Lists all models by name",
      [](CLI::App* command, ListOptions* options) {
        command->add_option("--filter", options->filter, "By tag: labels.KEY = \"VALUE\"");
      },
      List);
  AddCommand<ShowOptions>(
      models, action, "show", "Shows one; --output=json has everything",
      [](CLI::App* command, ShowOptions* options) {
        command->add_option("MODEL", options->model, "Its name")->required();
      },
      Show);
  AddCommand<DeleteOptions>(
      models, action, "delete", "Deletes one",
      [](CLI::App* command, DeleteOptions* options) {
        command->add_option("MODEL", options->model, "Its name, or a version's: iris@3")
            ->required();
        command->add_option("--etag", options->etag, "Only if this is still its etag");
        AddRequestId(command, &options->request_id);
      },
      Delete);
  AddVersions(models, action);
}

}  // namespace chainrule::client
