#include "server/models/model_map.h"

#include <limits>
#include <utility>

#include "absl/hash/hash.h"
#include "engine/core/check.h"
#include "engine/core/error.h"
#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

size_t ModelMap::ShardOf(absl::string_view id) {
  return absl::Hash<absl::string_view>()(id) % kShards;
}

absl::Status ModelMap::CheckRoom(const std::string& id) const {
  MutexLock lock(&mutex_);
  if (stopping_) return Stopping();
  if (models_.contains(id)) return ModelExists(id);
  const auto count = static_cast<int64_t>(models_.size());
  if (count < max_models_) return absl::OkStatus();
  return engine::LimitExceeded("model_id", "max_models", count + 1, max_models_);
}

void ModelMap::Add(const std::shared_ptr<Model>& model, ModelHealth health) {
  MutexLock order(&tell_mutex_);
  {
    MutexLock lock(&mutex_);
    CHAINRULE_CHECK(models_.emplace(model->id(), model).second);
    if (stopping_) model->Stop();
    Shard& shard = shards_[ShardOf(model->id())];
    MutexLock found(&shard.mutex);
    shard.models.emplace(model->id(), model);
  }
  if (listener_) listener_(model->id(), health);
}

void ModelMap::Remove(const std::string& id) {
  MutexLock order(&tell_mutex_);
  {
    MutexLock lock(&mutex_);
    models_.erase(id);
    Shard& shard = shards_[ShardOf(id)];
    MutexLock found(&shard.mutex);
    shard.models.erase(id);
  }
  if (listener_) listener_(id, ModelHealth::kGone);
}

absl::StatusOr<std::shared_ptr<Model>> ModelMap::Find(absl::string_view id) const {
  const Shard& shard = shards_[ShardOf(id)];
  MutexLock lock(&shard.mutex);
  const auto found = shard.models.find(id);
  if (found == shard.models.end()) return ModelNotFound(id);
  return found->second;
}

std::vector<std::shared_ptr<Model>> ModelMap::After(const std::string& id, size_t count) const {
  std::vector<std::shared_ptr<Model>> models;
  MutexLock lock(&mutex_);
  for (auto next = models_.upper_bound(id); next != models_.end() && models.size() < count;
       ++next) {
    models.push_back(next->second);
  }
  return models;
}

std::vector<std::shared_ptr<Model>> ModelMap::All() const {
  return After("", std::numeric_limits<size_t>::max());
}

int64_t ModelMap::size() const {
  MutexLock lock(&mutex_);
  return static_cast<int64_t>(models_.size());
}

void ModelMap::Stop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  for (const auto& [id, model] : models_) model->Stop();
}

void ModelMap::Tell(const std::string& id, const std::string& uid, ModelHealth health) {
  MutexLock order(&tell_mutex_);
  const absl::StatusOr<std::shared_ptr<Model>> model = Find(id);
  if (!model.ok() || (*model)->uid() != uid) return;
  if (listener_) listener_(id, health);
}

void ModelMap::SetListener(std::function<void(const std::string&, ModelHealth)> listener) {
  MutexLock order(&tell_mutex_);
  listener_ = std::move(listener);
}

}  // namespace chainrule::server
