#include "server/rpc/health_board.h"

#include "absl/strings/str_cat.h"

namespace chainrule::server {

void HealthBoard::Set(const std::string& name, Health health) {
  engine::MutexLock lock(&mutex_);
  entries_[name] = stopped_ ? Health::kNotServing : health;
  Tell(name);
}

void HealthBoard::Remove(const std::string& name) {
  engine::MutexLock lock(&mutex_);
  entries_.erase(name);
  Tell(name);
}

void HealthBoard::StopAll() {
  engine::MutexLock lock(&mutex_);
  stopped_ = true;
  for (auto& [name, health] : entries_) {
    health = Health::kNotServing;
    Tell(name);
  }
}

std::optional<Health> HealthBoard::Find(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void HealthBoard::Tell(const std::string& name) {
  const auto found = watchers_.find(name);
  if (found == watchers_.end()) return;
  for (Watcher* watcher : found->second) watcher->OnHealth(Find(name));
}

std::optional<Health> HealthBoard::Get(const std::string& name) const {
  engine::MutexLock lock(&mutex_);
  return Find(name);
}

std::map<std::string, Health> HealthBoard::List() const {
  engine::MutexLock lock(&mutex_);
  return entries_;
}

void HealthBoard::Watch(const std::string& name, Watcher* watcher) {
  engine::MutexLock lock(&mutex_);
  watchers_[name].insert(watcher);
  watcher->OnHealth(Find(name));
}

void HealthBoard::Unwatch(const std::string& name, Watcher* watcher) {
  engine::MutexLock lock(&mutex_);
  const auto found = watchers_.find(name);
  if (found == watchers_.end()) return;
  found->second.erase(watcher);
  if (found->second.empty()) watchers_.erase(found);
}

std::string HealthNameOfModel(absl::string_view id) {
  return absl::StrCat("chainrule.v1/models/", id);
}

}  // namespace chainrule::server
