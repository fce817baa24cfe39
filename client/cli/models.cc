#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/model_text.h"
#include "client/cli/table.h"
#include "client/data/text.h"
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
  Table table({"model", "network", "parameters", "memory", "step", "state", "aliases", "tags"});
  for (const v1::Model& model : models->models()) {
    table.Add({model.name(), WidthsOf(model.spec()), absl::StrCat(model.parameter_count()),
               absl::StrCat(model.memory_bytes()), absl::StrCat(model.step()),
               EnumName(v1::ModelState_descriptor(), model.state()), AliasesOf(model),
               TagsOf(model.labels())});
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

struct UpdateOptions {
  std::string model;
  std::vector<std::string> tags;
  bool no_tags = false;
  std::optional<double> learning_rate;
  std::string etag;
  std::string request_id;
};

absl::Status Update(const UpdateOptions& options, Session& session) {
  v1::UpdateModelRequest request;
  v1::Model* const model = request.mutable_model();
  model->set_name(ModelName(options.model));
  model->set_etag(options.etag);
  const absl::Status tags = ReadTags(options.tags, model->mutable_labels());
  if (!tags.ok()) return tags;
  if (options.no_tags || !options.tags.empty()) request.mutable_update_mask()->add_paths("labels");
  if (options.learning_rate.has_value()) {
    model->mutable_spec()->mutable_optimizer()->set_learning_rate(*options.learning_rate);
    request.mutable_update_mask()->add_paths("spec.optimizer.learning_rate");
  }
  request.set_request_id(options.request_id);
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::Model> updated = (*client)->UpdateModel(request);
  if (!updated.ok()) return updated.status();
  if (session.json()) return session.PrintJson(*updated);
  PrintModel(*updated, session.out());
  return absl::OkStatus();
}

void AddUpdateFlags(CLI::App* command, UpdateOptions* options) {
  command->add_option("MODEL", options->model, "Its name")->required();
  CLI::Option* tags = AddList(command, "--tag", &options->tags,
                              "The model's own labels, in place of those it has: KEY=VALUE");
  command->add_flag("--no-tags", options->no_tags, "Takes all of them away")->excludes(tags);
  command->add_option("--learning-rate", options->learning_rate, "The optimizer's, from now on");
  command->add_option("--etag", options->etag, "Only if this is still its etag");
  AddRequestId(command, &options->request_id);
  command->parse_complete_callback([options] {
    if (!options->tags.empty() || options->no_tags || options->learning_rate.has_value()) return;
    throw CLI::ValidationError("update", "give --tag, --no-tags or --learning-rate");
  });
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
  session.out() << "deleted " << Escaped(request.name()) << '\n';
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
  session.out() << "deleted " << Escaped(request.name()) << '\n';
  return absl::OkStatus();
}

}  // namespace

void AddModels(CLI::App* app, Action* action) {
  CLI::App* models = app->add_subcommand(
      "models", "Lists, shows, changes, copies and deletes models; keeps and names versions");
  models->require_subcommand(1);
  AddCommand<ListOptions>(
      models, action, "list", "Lists all models by name",
      [](CLI::App* command, ListOptions* options) {
        command->add_option("--filter", options->filter,
                            "By tags: labels.KEY = \"VALUE\", labels.KEY:*, joined by AND");
      },
      List);
  AddCommand<ShowOptions>(
      models, action, "show", "Shows one; --output=json has everything",
      [](CLI::App* command, ShowOptions* options) {
        command->add_option("MODEL", options->model, "Its name")->required();
      },
      Show);
  AddCommand<UpdateOptions>(models, action, "update", "Changes a model's tags or learning rate",
                            AddUpdateFlags, Update);
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
