// A model's versions and aliases.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/models/errors.h"
#include "server/models/model_impl.h"

namespace chainrule::server {

using engine::MutexLock;

absl::StatusOr<int64_t> Model::Impl::ResolveVersion(absl::string_view version) const {
  int64_t number = 0;
  if (absl::SimpleAtoi(version, &number)) {
    if (!FindVersion(number).ok()) return VersionNotFound(id_, version);
    return number;
  }
  const std::optional<int64_t> alias = book_.alias(version);
  return alias.has_value() ? *alias : absl::StatusOr<int64_t>(VersionNotFound(id_, version));
}

absl::StatusOr<StoredVersion> Model::Impl::FindVersion(int64_t number) const {
  std::optional<StoredVersion> version = book_.version(number);
  if (!version.has_value()) return VersionNotFound(id_, absl::StrCat(number));
  return *std::move(version);
}

VersionDescription Model::Impl::DescribeVersion(const StoredVersion& version) const {
  return {id_, version.number, version.step, version.labels, version.create_time};
}

absl::StatusOr<VersionDescription> Model::Impl::GetVersion(int64_t number) const {
  absl::StatusOr<StoredVersion> version = FindVersion(number);
  if (!version.ok()) return version.status();
  return DescribeVersion(*version);
}

std::vector<VersionDescription> Model::Impl::ListVersions() const {
  std::vector<VersionDescription> all;
  for (const StoredVersion& version : book_.versions()) all.push_back(DescribeVersion(version));
  return all;
}

std::shared_ptr<const Snapshot> Model::Impl::version_snapshot(int64_t number) const {
  MutexLock lock(&mutex_);
  const auto found = versions_.find(number);
  if (found == versions_.end()) return nullptr;
  found->second.last_use = absl::GetCurrentTimeNanos();
  return found->second.snapshot;
}

absl::StatusOr<std::shared_ptr<const Snapshot>> Model::Impl::LoadVersion(int64_t number) {
  if (auto snapshot = version_snapshot(number)) return snapshot;
  MutexLock alone(&version_reads_mutex_);
  if (auto snapshot = version_snapshot(number)) return snapshot;
  absl::StatusOr<std::shared_ptr<const Snapshot>> read = ReadVersionFile(number);
  NoteDamage(number, read.status());
  if (read.ok()) {
    KeepVersion(number, *read);
  } else if (!FindVersion(number).ok()) {  // its file went with it meanwhile
    return VersionNotFound(id_, absl::StrCat(number));
  }
  return read;
}

void Model::Impl::NoteDamage(int64_t number, const absl::Status& read) {
  MutexLock lock(&mutex_);
  if (read.code() == absl::StatusCode::kDataLoss) {
    damaged_versions_[number] = read;
  } else {
    damaged_versions_.erase(number);
  }
}

absl::Status Model::Impl::VersionReadiness(int64_t number) const {
  MutexLock lock(&mutex_);
  const auto damaged = damaged_versions_.find(number);
  return damaged == damaged_versions_.end() ? absl::OkStatus() : damaged->second;
}

absl::StatusOr<std::shared_ptr<const Snapshot>> Model::Impl::ReadVersionFile(int64_t number) {
  const absl::StatusOr<StoredVersion> version = FindVersion(number);
  if (!version.ok()) return version.status();
  const absl::StatusOr<StoredSettings> settings = this->settings();
  if (!settings.ok()) return settings.status();
  auto network = std::make_shared<const engine::Network>(settings->settings->network);
  absl::StatusOr<Checkpoint> read = keeper_->store()->ReadWeights(version->weights, *network);
  if (read.status().code() == absl::StatusCode::kDataLoss) {
    if (queue_.ended() == absl::StatusCode::kAborted) return ModelNotFound(id_);
    return ModelDamaged(absl::StrCat(id_, "@", number), read.status().message());
  }
  if (!read.ok()) return read.status();
  return std::make_shared<const Snapshot>(settings->settings, network, std::move(read->state));
}

// Not of one that is deleted meanwhile.
void Model::Impl::KeepVersion(int64_t number, std::shared_ptr<const Snapshot> snapshot) {
  {
    MutexLock lock(&mutex_);
    if (!FindVersion(number).ok()) return;
    versions_[number] = {std::move(snapshot), absl::GetCurrentTimeNanos()};
  }
  if (keeper_ != nullptr) keeper_->load().Tell();
}

absl::StatusOr<VersionDescription> Model::Impl::Publish(std::map<std::string, std::string> labels,
                                                        std::optional<int64_t> if_step,
                                                        Stamp stamp) {
  if (absl::Status status = queue_.Refusal(); !status.ok()) return status;
  const absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot = Load();
  if (!snapshot.ok()) return snapshot.status();
  const int64_t step = (*snapshot)->step();
  if (if_step.has_value() && *if_step != step) return StepMismatch(id_, step, *if_step);
  StoredVersion version;
  version.step = step;
  version.labels = std::move(labels);
  const absl::Status status = book_.Change([&](StoredModel* stored, StoreChange* change) {
    version.number = ++stored->facts.last_version;
    version.create_time = absl::Now();
    if (keeper_ != nullptr) {
      absl::StatusOr<WeightsFile> file = keeper_->store()->WriteWeights(
          uid_, absl::StrCat("version-", version.number), (*snapshot)->network(),
          MakeCheckpoint((*snapshot)->state(), keeper_->options().numerics));
      if (!file.ok()) return file.status();
      version.weights = *std::move(file);
    }
    stored->versions.push_back(version);
    change->put_model = stored->facts;
    change->put_version = {uid_, version};
    stamp({{}, DescribeVersion(version)}, change);
    return absl::OkStatus();
  });
  if (!status.ok()) {
    if (!version.weights.name.empty()) keeper_->store()->RemoveWeights(version.weights);
    return status;
  }
  KeepVersion(version.number, *snapshot);
  return DescribeVersion(version);
}

absl::StatusOr<VersionDescription> Model::Impl::DeleteVersion(int64_t number, Stamp stamp) {
  if (absl::Status status = queue_.Refusal(); !status.ok()) return status;
  StoredVersion deleted;
  const absl::Status status = book_.Change([&](StoredModel* stored, StoreChange* change) {
    const auto found = std::ranges::find(stored->versions, number, &StoredVersion::number);
    if (found == stored->versions.end()) return VersionNotFound(id_, absl::StrCat(number));
    std::vector<std::string> aliases;
    for (const auto& [alias, version] : stored->facts.aliases) {
      if (version == number) aliases.push_back(absl::StrCat("'", alias, "'"));
    }
    if (!aliases.empty()) return VersionInUse(id_, number, absl::StrJoin(aliases, ", "));
    deleted = *found;
    stored->versions.erase(found);
    change->remove_version = {uid_, number};
    stamp({{}, DescribeVersion(deleted)}, change);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (keeper_ != nullptr) keeper_->store()->RemoveWeights(deleted.weights);
  MutexLock lock(&mutex_);
  versions_.erase(number);
  damaged_versions_.erase(number);
  return DescribeVersion(deleted);
}

absl::StatusOr<ModelDescription> Model::Impl::SetAlias(const std::string& alias,
                                                       std::optional<int64_t> version,
                                                       const std::string& etag, Stamp stamp) {
  if (absl::Status status = queue_.Refusal(); !status.ok()) return status;
  ModelDescription updated;
  const absl::Status status = book_.Change([&](StoredModel* stored, StoreChange* change) {
    ModelFacts& facts = stored->facts;
    if (absl::Status changed = CheckEtag(facts, etag); !changed.ok()) return changed;
    if (version.has_value()) {
      const auto found = std::ranges::find(stored->versions, *version, &StoredVersion::number);
      if (found == stored->versions.end()) return VersionNotFound(id_, absl::StrCat(*version));
      facts.aliases[alias] = *version;
    } else if (facts.aliases.erase(alias) == 0) {
      return VersionNotFound(id_, alias);
    }
    ++facts.revision;
    facts.update_time = absl::Now();
    change->put_model = facts;
    updated = Describe(facts);
    stamp({updated, {}}, change);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return updated;
}

}  // namespace chainrule::server
