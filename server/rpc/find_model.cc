#include "server/rpc/find_model.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/convert/names.h"

namespace chainrule::server {
namespace {

// `version`: 0 is the live weights.
absl::StatusOr<FoundModel> Open(const Environment& environment, std::shared_ptr<Model> model,
                                int64_t version) {
  absl::StatusOr<std::shared_ptr<const ModelSettings>> settings = model->settings();
  if (!settings.ok()) return settings.status();
  FoundModel found;
  found.version = version;
  found.snapshot = version > 0 ? model->version_snapshot(version) : model->snapshot();
  found.context.id = model->id();
  found.context.settings = *std::move(settings);
  found.context.limits = &environment.limits;
  found.model = std::move(model);
  return found;
}

absl::StatusOr<FoundModel> Find(const Environment& environment, const std::string& id,
                                const std::string& version) {
  absl::StatusOr<std::shared_ptr<Model>> model = environment.registry->Find(id);
  if (!model.ok()) return model.status();
  if (version.empty()) return Open(environment, *std::move(model), 0);
  const absl::StatusOr<int64_t> number = (*model)->ResolveVersion(version);
  if (!number.ok()) return number.status();
  return Open(environment, *std::move(model), *number);
}

}  // namespace

absl::StatusOr<FoundModel> FindLiveModel(const Environment& environment, absl::string_view name,
                                         absl::string_view field) {
  const absl::StatusOr<std::string> id = ParseLiveModel(name, field);
  return id.ok() ? Find(environment, *id, "") : id.status();
}

absl::StatusOr<FoundModel> FindReadModel(const Environment& environment, absl::string_view name,
                                         absl::string_view field) {
  const absl::StatusOr<ModelReference> reference = ParseModelReference(name, field);
  if (!reference.ok()) return reference.status();
  return Find(environment, reference->id, reference->revision);
}

absl::StatusOr<FoundModel> FindDefaultModel(const Environment& environment, absl::string_view id,
                                            absl::string_view alias) {
  absl::StatusOr<std::shared_ptr<Model>> model = environment.registry->Find(id);
  if (!model.ok()) return model.status();
  const std::optional<int64_t> number = (*model)->FindAlias(alias);
  return Open(environment, *std::move(model), number.value_or(0));
}

absl::StatusOr<FoundModel> LoadReadModel(const Environment& environment, absl::string_view name,
                                         absl::string_view field) {
  absl::StatusOr<FoundModel> found = FindReadModel(environment, name, field);
  if (!found.ok() || found->snapshot != nullptr) return found;
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      found->version > 0 ? found->model->LoadVersion(found->version) : found->model->Load();
  if (!snapshot.ok()) return snapshot.status();
  found->snapshot = *std::move(snapshot);
  found->context.settings = found->snapshot->shared_settings();
  return found;
}

}  // namespace chainrule::server
