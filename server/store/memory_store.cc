#include "server/store/memory_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/store/errors.h"

namespace chainrule::server {

using engine::MutexLock;

MemoryStore::MemoryStore(Options options) : options_(std::move(options)) {}

absl::StatusOr<std::vector<StoredModel>> MemoryStore::Models() {
  MutexLock lock(&mutex_);
  std::vector<StoredModel> models;
  models.reserve(models_.size());
  for (const auto& [uid, model] : models_) models.push_back(model);
  return models;
}

absl::StatusOr<StoredRequests> MemoryStore::Requests() {
  MutexLock lock(&mutex_);
  StoredRequests stored = requests_;
  std::ranges::stable_sort(stored.requests, {}, &StoredRequest::time);
  return stored;
}

absl::Status MemoryStore::Apply(const StoreChange& change) {
  MutexLock lock(&mutex_);
  if (!fault_.ok()) return fault_;
  if (absl::Status status = Check(change); !status.ok()) return status;
  ApplyToModels(change);
  ApplyToRequests(change);
  return absl::OkStatus();
}

absl::Status MemoryStore::Check(const StoreChange& change) const {
  if (change.put_model) {
    for (const auto& [uid, model] : models_) {
      if (model.facts.id != change.put_model->id || uid == change.put_model->uid) continue;
      if (change.remove_model != uid) return absl::AlreadyExistsError(model.facts.id);
    }
  }
  std::vector<std::string> uids;
  if (change.put_checkpoint) uids.push_back(change.put_checkpoint->uid);
  if (change.put_version) uids.push_back(change.put_version->uid);
  if (change.remove_version) uids.push_back(change.remove_version->uid);
  for (const std::string& uid : uids) {
    if (change.put_model && change.put_model->uid == uid) continue;
    if (models_.contains(uid) && change.remove_model != uid) continue;
    return absl::NotFoundError(absl::StrCat("no model of uid ", uid));
  }
  return absl::OkStatus();
}

void MemoryStore::ApplyToModels(const StoreChange& change) {
  if (change.remove_model) models_.erase(*change.remove_model);
  if (change.put_model) models_[change.put_model->uid].facts = *change.put_model;
  if (change.put_checkpoint) {
    models_[change.put_checkpoint->uid].checkpoint = change.put_checkpoint->checkpoint;
  }
  const auto at = [](std::vector<StoredVersion>& versions, int64_t number) {
    return std::lower_bound(versions.begin(), versions.end(), number,
                            [](const auto& version, int64_t n) { return version.number < n; });
  };
  if (change.put_version) {
    const StoredVersion& version = change.put_version->version;
    std::vector<StoredVersion>& versions = models_[change.put_version->uid].versions;
    const auto place = at(versions, version.number);
    if (place != versions.end() && place->number == version.number) {
      *place = version;
    } else {
      versions.insert(place, version);
    }
  }
  if (change.remove_version) {
    std::vector<StoredVersion>& versions = models_[change.remove_version->uid].versions;
    const int64_t number = change.remove_version->number;
    std::erase_if(versions, [&](const StoredVersion& version) { return version.number == number; });
  }
}

void MemoryStore::ApplyToRequests(const StoreChange& change) {
  for (const std::string& id : change.remove_requests) Erase(id);
  if (change.requests_forgotten_until) {
    requests_.forgotten_until =
        std::max(requests_.forgotten_until, *change.requests_forgotten_until);
  }
  if (!change.put_request) return;
  Erase(change.put_request->id);
  requests_.requests.push_back(*change.put_request);
}

void MemoryStore::Erase(const std::string& request) {
  std::erase_if(requests_.requests,
                [&](const StoredRequest& stored) { return stored.id == request; });
}

absl::StatusOr<WeightsFile> MemoryStore::WriteWeights(const std::string& uid,
                                                      const std::string& label,
                                                      const engine::Network& network,
                                                      const Checkpoint& checkpoint) {
  MutexLock lock(&mutex_);
  if (!fault_.ok()) return fault_;
  WeightsFile file;
  file.name = absl::StrCat(uid, "/", label, "-", ++files_written_, ".safetensors");
  file.digest = absl::StrFormat("%032x", files_written_);
  file.bytes = network.parameter_count() * 4 + static_cast<int64_t>(checkpoint.window.size());
  weights_[file.name] = {checkpoint};
  return file;
}

absl::StatusOr<Checkpoint> MemoryStore::ReadWeights(const WeightsFile& file,
                                                    const engine::Network& network) {
  MutexLock lock(&mutex_);
  const auto found = weights_.find(file.name);
  if (found == weights_.end()) return StorageDamaged(file.name, "is gone");
  if (found->second.damaged) return StorageDamaged(file.name, "its digest is not what was written");
  const Checkpoint& checkpoint = found->second.checkpoint;
  if (static_cast<int64_t>(checkpoint.state.parameters->size()) != network.block_size()) {
    return StorageDamaged(file.name, "is not of this network");
  }
  return checkpoint;
}

void MemoryStore::RemoveWeights(const WeightsFile& file) {
  MutexLock lock(&mutex_);
  weights_.erase(file.name);
}

absl::StatusOr<std::unique_ptr<Log>> MemoryStore::OpenLog(const LogVisitor& visit,
                                                          LogFindings* findings) {
  std::deque<MemoryRecords::Record> records;
  {
    MutexLock lock(&records_->mutex);
    if (!records_->fault.ok()) return records_->fault;
    ++records_->life;
    records_->changed.NotifyAll();
    records = records_->records;
  }
  LogFindings found;
  for (const MemoryRecords::Record& record : records) {
    if (record.damage.has_value()) {
      found.damage.push_back(*record.damage);
      continue;
    }
    const RecordPlace place{1, static_cast<int64_t>(record.sequence)};
    const absl::Status status = visit({record.sequence, record.key, place, record.payload});
    if (!status.ok()) return status;
  }
  if (findings != nullptr) *findings = std::move(found);
  return std::make_unique<MemoryLog>(records_, options_.sync);
}

absl::StatusOr<std::string> MemoryStore::ReadRecord(const RecordPlace& place) {
  MutexLock lock(&records_->mutex);
  for (const MemoryRecords::Record& record : records_->records) {
    if (static_cast<int64_t>(record.sequence) != place.offset) continue;
    if (record.damage.has_value()) break;
    return record.payload;
  }
  return StorageDamaged("memory", absl::StrCat("a damaged record at ", place.offset));
}

void MemoryStore::DamageRecord(uint64_t sequence, bool owner_known) {
  MutexLock lock(&records_->mutex);
  for (MemoryRecords::Record& record : records_->records) {
    if (record.sequence != sequence) continue;
    LogDamage damage;
    damage.what = absl::StrCat("memory: a damaged record at ", sequence);
    damage.first = damage.last = sequence;
    damage.owners_known = owner_known;
    if (owner_known) damage.owners.push_back({record.key.owner, sequence, record.key.step});
    record.damage = std::move(damage);
  }
}

absl::Status MemoryStore::Probe() {
  MutexLock lock(&mutex_);
  return fault_;
}

absl::Status MemoryStore::Close() {
  MutexLock lock(&mutex_);
  if (!fault_.ok()) return fault_;
  closed_ = true;
  return absl::OkStatus();
}

void MemoryStore::FailWrites(absl::string_view why) {
  MutexLock lock(&mutex_);
  fault_ = StorageFailed(why);
}

void MemoryStore::FailLog(absl::string_view why, bool keep_refused) {
  MutexLock lock(&records_->mutex);
  records_->fault = StorageFailed(why);
  records_->keep_refused = keep_refused;
  records_->changed.NotifyAll();
}

void MemoryStore::Repair() {
  {
    MutexLock lock(&mutex_);
    fault_ = absl::OkStatus();
  }
  MutexLock lock(&records_->mutex);
  records_->fault = absl::OkStatus();
}

void MemoryStore::HoldLog() {
  MutexLock lock(&records_->mutex);
  records_->held = true;
}

void MemoryStore::ReleaseLog() {
  MutexLock lock(&records_->mutex);
  records_->held = false;
  records_->changed.NotifyAll();
}

void MemoryStore::LoseUnsynced() {
  MutexLock lock(&records_->mutex);
  ++records_->life;
  records_->changed.NotifyAll();
  auto& records = records_->records;
  while (!records.empty() && records.back().sequence > records_->synced) records.pop_back();
  records_->last = records_->synced;
}

void MemoryStore::DamageWeights(const std::string& name) {
  MutexLock lock(&mutex_);
  const auto found = weights_.find(name);
  if (found != weights_.end()) found->second.damaged = true;
}

std::vector<std::string> MemoryStore::weights() const {
  MutexLock lock(&mutex_);
  std::vector<std::string> names;
  for (const auto& [name, weights] : weights_) names.push_back(name);
  return names;
}

bool MemoryStore::closed() const {
  MutexLock lock(&mutex_);
  return closed_;
}

}  // namespace chainrule::server
