#include "server/models/model.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "server/models/identity.h"
#include "server/models/model_impl.h"

namespace chainrule::server {
namespace {

StoredModel NewFacts(std::string id, std::map<std::string, std::string> labels) {
  StoredModel stored;
  stored.facts.uid = RandomUuid();
  stored.facts.id = std::move(id);
  stored.facts.labels = std::move(labels);
  stored.facts.create_time = stored.facts.update_time = absl::Now();
  return stored;
}

}  // namespace

Model::Model(std::string id, std::shared_ptr<const ModelSettings> settings,
             std::map<std::string, std::string> labels, engine::ModelState state,
             const Limits& limits, WriterScheduler* scheduler)
    : impl_(std::make_unique<Impl>(NewFacts(std::move(id), std::move(labels)), limits, nullptr,
                                   scheduler)) {
  impl_->Begin(std::move(settings), std::move(state));
}

Model::Model(StoredModel stored, const Limits& limits, Keeper* keeper, WriterScheduler* scheduler)
    : impl_(std::make_unique<Impl>(std::move(stored), limits, keeper, scheduler)) {}

Model::~Model() = default;

void Model::Begin(std::shared_ptr<const ModelSettings> settings, engine::ModelState state) {
  impl_->Begin(std::move(settings), std::move(state));
}

const std::string& Model::id() const { return impl_->id(); }
const std::string& Model::uid() const { return impl_->uid(); }

std::shared_ptr<const Snapshot> Model::snapshot() const { return impl_->snapshot(); }

absl::StatusOr<std::shared_ptr<const ModelSettings>> Model::settings() const {
  absl::StatusOr<StoredSettings> settings = impl_->settings();
  if (!settings.ok()) return settings.status();
  return std::move(settings->settings);
}

absl::Status Model::Readiness() const { return impl_->Readiness(); }
absl::Status Model::damage() const { return impl_->damage(); }

ModelDescription Model::Describe() const { return impl_->Describe(impl_->book().facts()); }

absl::StatusOr<std::shared_ptr<const Snapshot>> Model::Load() { return impl_->Load(); }

void Model::Train(TrainCall call) {
  impl_->Enqueue(MakeWrite(std::move(call)), shared_from_this());
}

void Model::SetWeights(SetWeightsCall call) {
  impl_->Enqueue(MakeWrite(std::move(call)), shared_from_this());
}

void Model::Replace(ReplaceCall call) {
  impl_->Enqueue(MakeWrite(std::move(call)), shared_from_this());
}

void Model::ApplyGradients(ApplyGradientsCall call) {
  impl_->Enqueue(MakeWrite(std::move(call)), shared_from_this());
}

absl::StatusOr<int64_t> Model::ResolveVersion(absl::string_view version) const {
  return impl_->ResolveVersion(version);
}

std::optional<int64_t> Model::FindAlias(absl::string_view alias) const {
  return impl_->book().alias(alias);
}

absl::StatusOr<VersionDescription> Model::GetVersion(int64_t number) const {
  return impl_->GetVersion(number);
}

std::vector<VersionDescription> Model::ListVersions() const { return impl_->ListVersions(); }

std::shared_ptr<const Snapshot> Model::version_snapshot(int64_t number) const {
  return impl_->version_snapshot(number);
}

absl::Status Model::VersionReadiness(int64_t number) const {
  return impl_->VersionReadiness(number);
}

absl::StatusOr<std::shared_ptr<const Snapshot>> Model::LoadVersion(int64_t number) {
  return impl_->LoadVersion(number);
}

absl::StatusOr<VersionDescription> Model::Publish(std::map<std::string, std::string> labels,
                                                  std::optional<int64_t> if_step, Stamp stamp) {
  return impl_->Publish(std::move(labels), if_step, stamp);
}

absl::StatusOr<VersionDescription> Model::DeleteVersion(int64_t number, Stamp stamp) {
  absl::StatusOr<VersionDescription> deleted = impl_->DeleteVersion(number, stamp);
  if (deleted.ok()) statistics_.Erase(number);
  return deleted;
}

absl::StatusOr<ModelDescription> Model::SetAlias(const std::string& alias,
                                                 std::optional<int64_t> version,
                                                 const std::string& etag, Stamp stamp) {
  return impl_->SetAlias(alias, version, etag, stamp);
}

absl::StatusOr<ModelDescription> Model::Update(const std::string& etag, ModelUpdate update,
                                               Stamp stamp) {
  return impl_->Update(etag, std::move(update), stamp);
}

absl::StatusOr<ModelDescription> Model::Delete(const std::string& etag, Stamp stamp) {
  return impl_->Delete(etag, stamp);
}

void Model::Stop() { impl_->queue().End(absl::StatusCode::kUnavailable); }

bool Model::RunSlice(const engine::Executor& executor, absl::Time until) {
  return impl_->RunSlice(executor, until);
}

void Model::Recover(std::vector<TailRecord> tail, const std::vector<LogDamage>& damage) {
  impl_->Recover(std::move(tail), damage);
}
absl::Status Model::Replay() { return impl_->Replay(); }
bool Model::has_tail() const { return impl_->has_tail(); }
bool Model::needs_replay() const { return impl_->needs_replay(); }
std::optional<uint64_t> Model::first_uncovered() const { return impl_->first_uncovered(); }
std::optional<SequenceRange> Model::needed() const { return impl_->needed(); }
absl::Status Model::WriteCheckpoint() { return impl_->WriteCheckpoint(); }
std::vector<Model::Resident> Model::Residents() const { return impl_->Residents(); }
bool Model::Unload(int64_t version) { return impl_->Unload(version); }

// Replies that were stored before they had models tell the step alone.
ModelDescription AnsweredModel(const SetWeightsReply& reply, const Model& model) {
  ModelDescription description = reply.model == nullptr ? model.Describe() : *reply.model;
  description.step = reply.model_step;
  description.durable_step = std::min(reply.durable_step, reply.model_step);
  return description;
}

}  // namespace chainrule::server
