#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/flags.h"
#include "client/cli/model_text.h"
#include "client/cli/table.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

struct CopyOptions {
  std::string source;
  std::string name;
  bool reset_optimizer = false;
  std::string request_id;
};

absl::Status Copy(const CopyOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  v1::CopyModelRequest request;
  request.set_source(ModelName(options.source));
  request.set_model_id(options.name);
  request.set_reset_optimizer(options.reset_optimizer);
  request.set_request_id(options.request_id);
  const absl::StatusOr<v1::Model> model = (*client)->CopyModel(request);
  if (!model.ok()) return model.status();
  if (session.json()) return session.PrintJson(*model);
  session.out() << "made " << Escaped(model->name()) << ", at step " << model->step() << '\n';
  return absl::OkStatus();
}

struct PublishOptions {
  std::string model;
  std::vector<std::string> tags;
  WriteOptions write;
};

absl::Status Publish(const PublishOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  v1::PublishVersionRequest request;
  request.set_model(ModelName(options.model));
  const absl::Status tags = ReadTags(options.tags, request.mutable_labels());
  if (!tags.ok()) return tags;
  request.set_request_id(options.write.request_id);
  if (options.write.if_step.has_value()) request.set_if_step(*options.write.if_step);
  const absl::StatusOr<v1::ModelVersion> version = (*client)->PublishVersion(request);
  if (!version.ok()) return version.status();
  if (session.json()) return session.PrintJson(*version);
  session.out() << "published " << Escaped(version->name()) << ", of step " << version->step()
                << '\n';
  return absl::OkStatus();
}

struct RestoreOptions {
  std::string model;
  std::string version;
  bool reset_optimizer = false;
  WriteOptions write;
};

absl::Status Restore(const RestoreOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  v1::RestoreVersionRequest request;
  request.set_model(ModelName(options.model));
  request.set_version(options.version);
  request.set_reset_optimizer(options.reset_optimizer);
  request.set_request_id(options.write.request_id);
  if (options.write.if_step.has_value()) request.set_if_step(*options.write.if_step);
  const absl::StatusOr<v1::Model> model = (*client)->RestoreVersion(request);
  if (!model.ok()) return model.status();
  if (session.json()) return session.PrintJson(*model);
  session.out() << "restored version " << Escaped(options.version) << " of "
                << Escaped(model->name()) << ", as step " << model->step() << '\n';
  return absl::OkStatus();
}

struct AliasOptions {
  std::string model;
  std::string alias;
  std::optional<int64_t> version;
  bool remove = false;
  std::string etag;
  std::string request_id;
};

absl::StatusOr<v1::Model> SetAlias(const AliasOptions& options, Client* client) {
  v1::SetAliasRequest request;
  request.set_model(ModelName(options.model));
  request.set_alias(options.alias);
  request.set_version(*options.version);
  request.set_etag(options.etag);
  request.set_request_id(options.request_id);
  return client->SetAlias(request);
}

absl::StatusOr<v1::Model> DeleteAlias(const AliasOptions& options, Client* client) {
  v1::DeleteAliasRequest request;
  request.set_model(ModelName(options.model));
  request.set_alias(options.alias);
  request.set_etag(options.etag);
  request.set_request_id(options.request_id);
  return client->DeleteAlias(request);
}

absl::Status Alias(const AliasOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::Model> model =
      options.remove ? DeleteAlias(options, *client) : SetAlias(options, *client);
  if (!model.ok()) return model.status();
  if (session.json()) return session.PrintJson(*model);
  const std::string name = Escaped(absl::StrCat(model->name(), "@", options.alias));
  if (options.remove) {
    session.out() << "deleted alias " << name << '\n';
  } else {
    session.out() << name << " is version " << *options.version << '\n';
  }
  return absl::OkStatus();
}

struct VersionsOptions {
  std::string model;
};

absl::Status Versions(const VersionsOptions& options, Session& session) {
  const absl::StatusOr<Client*> client = session.client();
  if (!client.ok()) return client.status();
  const std::string name = ModelName(options.model);
  const absl::StatusOr<v1::ListModelVersionsResponse> all = (*client)->ListModelVersions(name);
  if (!all.ok()) return all.status();
  if (session.json()) return session.PrintJson(*all);
  const absl::StatusOr<v1::Model> model = (*client)->GetModel(name);
  if (!model.ok()) return model.status();
  Table table({"version", "step", "aliases", "tags"});
  for (const v1::ModelVersion& version : all->model_versions()) {
    std::vector<std::string> aliases;
    for (const auto& [alias, number] : model->aliases()) {
      if (version.name() == absl::StrCat(name, "@", number)) aliases.push_back(alias);
    }
    std::sort(aliases.begin(), aliases.end());
    table.Add({version.name(), absl::StrCat(version.step()), absl::StrJoin(aliases, ", "),
               TagsOf(version.labels())});
  }
  table.Print(session.out());
  return absl::OkStatus();
}

void AddAlias(CLI::App* models, Action* action) {
  AddCommand<AliasOptions>(
      models, action, "alias", "Lets an alias name a version: models alias iris prod 3",
      [](CLI::App* command, AliasOptions* options) {
        command->add_option("MODEL", options->model, "Its name")->required();
        command->add_option("ALIAS", options->alias, "Such as prod")->required();
        CLI::Option* version = command->add_option("VERSION", options->version, "Its number");
        CLI::Option* remove =
            command->add_flag("--delete", options->remove, "Deletes the alias, and no version");
        version->excludes(remove);
        command->add_option("--etag", options->etag, "Only if this is still the model's etag");
        AddRequestId(command, &options->request_id);
        command->parse_complete_callback([options] {
          if (options->remove || options->version.has_value()) return;
          throw CLI::ValidationError("VERSION", "give a version's number, or --delete");
        });
      },
      Alias);
}

}  // namespace

void AddVersions(CLI::App* models, Action* action) {
  AddCommand<CopyOptions>(
      models, action, "copy", "Makes a new model of another one's weights",
      [](CLI::App* command, CopyOptions* options) {
        command->add_option("SOURCE", options->source, "A model, or a version: iris@3")->required();
        command->add_option("NAME", options->name, "The new one's")->required();
        command->add_flag("--reset-optimizer", options->reset_optimizer,
                          "Begins with the optimizer's state at zero");
        AddRequestId(command, &options->request_id);
      },
      Copy);
  AddCommand<PublishOptions>(
      models, action, "publish", "Keeps the weights of now as a version",
      [](CLI::App* command, PublishOptions* options) {
        command->add_option("MODEL", options->model, "Its name")->required();
        AddList(command, "--tag", &options->tags, "The version's own labels: KEY=VALUE");
        AddWriteOptions(command, &options->write);
      },
      Publish);
  AddCommand<RestoreOptions>(
      models, action, "restore", "Puts a version's weights back, as one more step",
      [](CLI::App* command, RestoreOptions* options) {
        command->add_option("MODEL", options->model, "Its name")->required();
        command->add_option("VERSION", options->version, "A number or an alias")->required();
        command->add_flag("--reset-optimizer", options->reset_optimizer,
                          "Begins with the optimizer's state at zero");
        AddWriteOptions(command, &options->write);
      },
      Restore);
  AddAlias(models, action);
  AddCommand<VersionsOptions>(
      models, action, "versions", "Lists a model's versions",
      [](CLI::App* command, VersionsOptions* options) {
        command->add_option("MODEL", options->model, "Its name")->required();
      },
      Versions);
}

}  // namespace chainrule::client
