#include "server/models/registry.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "engine/core/mutex.h"
#include "server/models/errors.h"
#include "server/models/identity.h"
#include "server/models/model_map.h"
#include "server/models/numbers.h"
#include "server/models/recoverer.h"
#include "server/models/settings_json.h"
#include "server/models/watched_store.h"

namespace chainrule::server {

using engine::MutexLock;

class Registry::Impl {
 public:
  Impl(const Limits& limits, WriterScheduler* scheduler, const Keeping& keeping);
  ~Impl();

  absl::Status Open();
  absl::Status Close();

  absl::StatusOr<LifecycleOutcome> Add(const std::string& id,
                                       std::shared_ptr<const ModelSettings> settings,
                                       engine::ModelState state,
                                       std::map<std::string, std::string> labels, Stamp stamp);
  absl::StatusOr<LifecycleOutcome> Delete(const std::string& id, const std::string& etag,
                                          Stamp stamp);

  bool keeps() const { return keeper_.has_value(); }
  std::string incarnation() const {
    return keeper_.has_value() ? keeper_->store()->incarnation() : ProcessIncarnation();
  }
  // The numbers that a reader of `id`, or of a version of it, sees.
  absl::StatusOr<std::shared_ptr<const Snapshot>> Read(const std::string& id,
                                                       const std::string& version);
  ModelMap& models() { return models_; }
  Keeper* keeper() { return keeper_.has_value() ? &*keeper_ : nullptr; }
  LifecycleWindow& window() { return window_; }
  Checkpointer* checkpointer() { return checkpointer_.has_value() ? &*checkpointer_ : nullptr; }
  Unloader& unloader() { return unloader_; }
  Recoverer* recoverer() { return recoverer_.has_value() ? &*recoverer_ : nullptr; }

 private:
  absl::StatusOr<StoredModel> Store(StoredModel stored, const ModelSettings& settings,
                                    const engine::ModelState& state);

  const Limits limits_;
  WriterScheduler* const scheduler_;
  LifecycleWindow window_;
  ModelMap models_;
  std::optional<WatchedStore> store_;
  std::optional<Keeper> keeper_;  // none: models live in memory
  std::optional<Recoverer> recoverer_;
  std::optional<Checkpointer> checkpointer_;
  Unloader unloader_;
  engine::Mutex changes_mutex_;  // models come and go one at a time
};

Registry::Impl::Impl(const Limits& limits, WriterScheduler* scheduler, const Keeping& keeping)
    : limits_(limits),
      scheduler_(scheduler),
      window_(limits),
      models_(limits.max_models),
      unloader_(&models_, keeping.memory) {
  if (keeping.store == nullptr) return;
  store_.emplace(keeping.store, [this](const absl::Status& why) {
    if (recoverer_.has_value()) recoverer_->StoreFailed(why);
  });
  keeper_.emplace(&*store_, keeping.executor, keeping.keeper);
  keeper_->condition().Set(
      [this](const std::string& id, const std::string& uid, ModelCondition condition) {
        const bool ready = condition == ModelCondition::kReady;
        models_.Tell(id, uid, ready ? ModelHealth::kServing : ModelHealth::kNotServing);
      });
  keeper_->load().Set([this] { unloader_.Wake(); });
  recoverer_.emplace(&*keeper_, &models_, keeping.retry_interval);
  checkpointer_.emplace(&*keeper_, &models_, keeping.checkpoints);
}

// What it reads back it tells the unloader, which goes first.
Registry::Impl::~Impl() {
  if (recoverer_.has_value()) recoverer_->Stop();
}

absl::Status Registry::Impl::Open() {
  absl::StatusOr<StoredRequests> requests = keeper_->store()->Requests();
  if (!requests.ok()) return requests.status();
  if (absl::Status status = window_.Restore(*requests); !status.ok()) return status;
  absl::StatusOr<std::vector<StoredModel>> stored = keeper_->store()->Models();
  if (!stored.ok()) return stored.status();
  for (StoredModel& model : *stored) {
    models_.Add(std::make_shared<Model>(std::move(model), limits_, &*keeper_, scheduler_),
                ModelHealth::kServing);
  }
  if (absl::Status status = recoverer_->Start(); !status.ok()) return status;
  checkpointer_->Start();
  unloader_.Start();
  return absl::OkStatus();
}

absl::Status Registry::Impl::Close() {
  recoverer_->Stop();
  checkpointer_->Stop();
  unloader_.Stop();
  absl::Status result = checkpointer_->EmptyLog();
  keeper_->CloseLog();
  if (result.ok()) result = keeper_->store()->Close();
  return result;
}

absl::StatusOr<LifecycleOutcome> Registry::Impl::Add(const std::string& id,
                                                     std::shared_ptr<const ModelSettings> settings,
                                                     engine::ModelState state,
                                                     std::map<std::string, std::string> labels,
                                                     Stamp stamp) {
  StoredModel stored;
  stored.facts.uid = RandomUuid();
  stored.facts.id = id;
  stored.facts.labels = std::move(labels);
  stored.facts.create_time = stored.facts.update_time = absl::Now();
  if (keeper_.has_value()) {
    absl::StatusOr<StoredModel> kept = Store(std::move(stored), *settings, state);
    if (!kept.ok()) return kept.status();
    stored = *std::move(kept);
  }
  MutexLock order(&changes_mutex_);
  auto model = std::make_shared<Model>(stored, limits_, keeper_.has_value() ? &*keeper_ : nullptr,
                                       scheduler_);
  model->Begin(std::move(settings), std::move(state));
  LifecycleOutcome outcome{model->Describe(), {}};
  absl::Status status = models_.CheckRoom(id);
  if (status.ok() && keeper_.has_value()) {
    StoreChange change;
    change.put_model = stored.facts;
    change.put_checkpoint = {stored.facts.uid, stored.checkpoint};
    stamp(outcome, &change);
    status = keeper_->store()->Apply(change);
  }
  if (!status.ok()) {
    if (keeper_.has_value()) keeper_->store()->RemoveWeights(stored.checkpoint.weights);
    return status;
  }
  models_.Add(model, ModelHealth::kServing);
  unloader_.Wake();
  return outcome;
}

absl::StatusOr<std::shared_ptr<const Snapshot>> Registry::Impl::Read(const std::string& id,
                                                                     const std::string& version) {
  const absl::StatusOr<std::shared_ptr<Model>> model = models_.Find(id);
  if (!model.ok()) return model.status();
  if (version.empty()) return (*model)->Load();
  const absl::StatusOr<int64_t> number = (*model)->ResolveVersion(version);
  return number.ok() ? (*model)->LoadVersion(*number) : number.status();
}

// The numbers that it begins with.
absl::StatusOr<StoredModel> Registry::Impl::Store(StoredModel stored, const ModelSettings& settings,
                                                  const engine::ModelState& state) {
  stored.facts.spec = EncodeSettings(settings, *state.normalization);
  absl::StatusOr<WeightsFile> file = keeper_->store()->WriteWeights(
      stored.facts.uid, "checkpoint", engine::Network(settings.network),
      MakeCheckpoint(state, keeper_->options().numerics));
  if (!file.ok()) return file.status();
  stored.checkpoint.step = state.step;
  stored.checkpoint.sequence = keeper_->synced();  // so damage before it is none of its own
  stored.checkpoint.weights = *std::move(file);
  return stored;
}

absl::StatusOr<LifecycleOutcome> Registry::Impl::Delete(const std::string& id,
                                                        const std::string& etag, Stamp stamp) {
  MutexLock order(&changes_mutex_);
  absl::StatusOr<std::shared_ptr<Model>> model = models_.Find(id);
  if (!model.ok()) return model.status();
  absl::StatusOr<ModelDescription> last = (*model)->Delete(etag, stamp);
  if (!last.ok()) return last.status();
  models_.Remove(id);
  unloader_.Freed(last->memory_bytes);
  return LifecycleOutcome{*std::move(last), {}};
}

namespace {

absl::StatusOr<Registry::Result> ModelOf(absl::StatusOr<LifecycleWindow::Result> result) {
  if (!result.ok()) return result.status();
  return Registry::Result{std::move(result->outcome.model), result->replayed};
}

absl::StatusOr<Registry::VersionResult> VersionOf(absl::StatusOr<LifecycleWindow::Result> result) {
  if (!result.ok()) return result.status();
  return Registry::VersionResult{std::move(result->outcome.version), result->replayed};
}

}  // namespace

Registry::Registry(const Limits& limits, WriterScheduler* scheduler)
    : Registry(limits, scheduler, Keeping()) {}

Registry::Registry(const Limits& limits, WriterScheduler* scheduler, const Keeping& keeping)
    : impl_(std::make_unique<Impl>(limits, scheduler, keeping)) {}

Registry::~Registry() = default;

absl::Status Registry::Open() { return impl_->Open(); }
absl::Status Registry::Close() { return impl_->Close(); }

absl::StatusOr<Registry::Result> Registry::Create(const std::string& id,
                                                  std::shared_ptr<const ModelSettings> settings,
                                                  engine::Normalization normalization,
                                                  std::map<std::string, std::string> labels,
                                                  const Request& request) {
  return ModelOf(impl_->window().Once(
      Lifecycle::kCreate, request, [&](Stamp stamp) -> absl::StatusOr<LifecycleOutcome> {
        // Judged before the weights are drawn, and again when they are.
        if (absl::Status room = impl_->models().CheckRoom(id); !room.ok()) return room;
        engine::ModelState state =
            engine::InitialState(engine::Network(settings->network), std::move(normalization));
        return impl_->Add(id, std::move(settings), std::move(state), std::move(labels), stamp);
      }));
}

absl::StatusOr<Registry::Result> Registry::CreateFrom(const std::string& id,
                                                      std::shared_ptr<const ModelSettings> settings,
                                                      engine::ModelState state,
                                                      std::map<std::string, std::string> labels,
                                                      const Request& request) {
  return ModelOf(impl_->window().Once(Lifecycle::kCreate, request, [&](Stamp stamp) {
    return impl_->Add(id, std::move(settings), std::move(state), std::move(labels), stamp);
  }));
}

absl::StatusOr<ModelDescription> Registry::Validate(
    const std::string& id, std::shared_ptr<const ModelSettings> settings,
    engine::Normalization normalization, std::map<std::string, std::string> labels) const {
  if (absl::Status status = impl_->models().CheckRoom(id); !status.ok()) return status;
  ModelDescription description;
  description.id = id;
  description.parameter_count = *engine::ParameterCount(settings->network);
  description.memory_bytes = IdleMemoryBytes(*settings, impl_->keeps());
  description.settings = std::move(settings);
  description.normalization = std::make_shared<engine::Normalization>(std::move(normalization));
  description.labels = std::move(labels);
  description.incarnation = impl_->incarnation();
  return description;
}

absl::StatusOr<std::shared_ptr<Model>> Registry::Find(absl::string_view id) const {
  return impl_->models().Find(id);
}

Registry::Page Registry::List(const std::string& after, int64_t page_size) const {
  // One more than the page tells whether there is another one.
  auto models = impl_->models().After(after, static_cast<size_t>(page_size) + 1);
  Page page;
  if (models.size() > static_cast<size_t>(page_size)) {
    models.pop_back();
    page.next_after = models.back()->id();
  }
  for (const std::shared_ptr<Model>& model : models) page.models.push_back(model->Describe());
  return page;
}

absl::StatusOr<Registry::Result> Registry::UpdateModel(const std::string& id,
                                                       const std::string& etag, Update update,
                                                       const Request& request) {
  return ModelOf(impl_->window().Once(
      Lifecycle::kUpdate, request, [&](Stamp stamp) -> absl::StatusOr<LifecycleOutcome> {
        absl::StatusOr<std::shared_ptr<Model>> model = impl_->models().Find(id);
        if (!model.ok()) return model.status();
        absl::StatusOr<ModelDescription> updated = (*model)->Update(etag, std::move(update), stamp);
        if (!updated.ok()) return updated.status();
        return LifecycleOutcome{*std::move(updated), {}};
      }));
}

absl::StatusOr<bool> Registry::Delete(const std::string& id, const std::string& etag,
                                      const Request& request) {
  const absl::StatusOr<LifecycleWindow::Result> result = impl_->window().Once(
      Lifecycle::kDelete, request, [&](Stamp stamp) { return impl_->Delete(id, etag, stamp); });
  if (!result.ok()) return result.status();
  return result->replayed;
}

absl::StatusOr<Registry::Result> Registry::Copy(const std::string& source,
                                                const std::string& version, const std::string& id,
                                                bool reset_optimizer, const Request& request) {
  return ModelOf(impl_->window().Once(
      Lifecycle::kCopy, request, [&](Stamp stamp) -> absl::StatusOr<LifecycleOutcome> {
        const absl::StatusOr<std::shared_ptr<const Snapshot>> from = impl_->Read(source, version);
        if (!from.ok()) return from.status();
        engine::ModelState state = (*from)->state();
        if (reset_optimizer) {
          state.optimizer = std::make_shared<engine::AlignedBuffer>(state.optimizer->size());
          state.optimizer_steps = 0;
        }
        return impl_->Add(id, (*from)->shared_settings(), std::move(state), {}, stamp);
      }));
}

absl::StatusOr<Registry::VersionResult> Registry::Publish(const std::string& id,
                                                          std::map<std::string, std::string> labels,
                                                          std::optional<int64_t> if_step,
                                                          const Request& request) {
  return VersionOf(impl_->window().Once(
      Lifecycle::kPublish, request, [&](Stamp stamp) -> absl::StatusOr<LifecycleOutcome> {
        const absl::StatusOr<std::shared_ptr<Model>> model = impl_->models().Find(id);
        if (!model.ok()) return model.status();
        absl::StatusOr<VersionDescription> version =
            (*model)->Publish(std::move(labels), if_step, stamp);
        if (!version.ok()) return version.status();
        return LifecycleOutcome{{}, *std::move(version)};
      }));
}

absl::StatusOr<Registry::VersionResult> Registry::DeleteVersion(const std::string& id,
                                                                int64_t number,
                                                                const Request& request) {
  return VersionOf(impl_->window().Once(
      Lifecycle::kDeleteVersion, request, [&](Stamp stamp) -> absl::StatusOr<LifecycleOutcome> {
        const absl::StatusOr<std::shared_ptr<Model>> model = impl_->models().Find(id);
        if (!model.ok()) return model.status();
        absl::StatusOr<VersionDescription> version = (*model)->DeleteVersion(number, stamp);
        if (!version.ok()) return version.status();
        return LifecycleOutcome{{}, *std::move(version)};
      }));
}

absl::StatusOr<Registry::Result> Registry::SetAlias(const std::string& id, const std::string& alias,
                                                    std::optional<int64_t> version,
                                                    const std::string& etag,
                                                    const Request& request) {
  const Lifecycle kind = version.has_value() ? Lifecycle::kSetAlias : Lifecycle::kDeleteAlias;
  return ModelOf(
      impl_->window().Once(kind, request, [&](Stamp stamp) -> absl::StatusOr<LifecycleOutcome> {
        const absl::StatusOr<std::shared_ptr<Model>> model = impl_->models().Find(id);
        if (!model.ok()) return model.status();
        absl::StatusOr<ModelDescription> updated = (*model)->SetAlias(alias, version, etag, stamp);
        if (!updated.ok()) return updated.status();
        return LifecycleOutcome{*std::move(updated), {}};
      }));
}

int64_t Registry::size() const { return impl_->models().size(); }

void Registry::SetListener(std::function<void(const std::string&, ModelHealth)> listener) {
  impl_->models().SetListener(std::move(listener));
}

void Registry::SetStorageListener(std::function<void(const absl::Status& storage)> listener) {
  if (impl_->recoverer() != nullptr) impl_->recoverer()->SetStorageListener(std::move(listener));
}

void Registry::SetInexactListener(std::function<void(const InexactReplay& replay)> listener) {
  if (impl_->keeper() != nullptr) impl_->keeper()->inexact().Set(std::move(listener));
}

void Registry::SetDamageListener(std::function<void(const std::string& what)> listener) {
  if (impl_->keeper() != nullptr) impl_->keeper()->damage().Set(std::move(listener));
}

void Registry::SetTornTailListener(std::function<void(const std::string& what)> listener) {
  if (impl_->keeper() != nullptr) impl_->keeper()->torn_tail().Set(std::move(listener));
}

void Registry::Stop() { impl_->models().Stop(); }

absl::Status Registry::WriteCheckpoints() {
  return impl_->checkpointer() == nullptr ? absl::OkStatus() : impl_->checkpointer()->WriteAll();
}

void Registry::KeepMemoryBudget() { impl_->unloader().KeepBudget(); }

Unloader::Usage Registry::memory() const { return impl_->unloader().usage(); }

void Registry::WaitForRecovery() {
  if (impl_->recoverer() != nullptr) impl_->recoverer()->WaitUntilIdle();
}

}  // namespace chainrule::server
