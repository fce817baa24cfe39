// HealthBoard: who is serving, by name, and who watches that. "" is the server.
// Thread-safe.
#ifndef CHAINRULE_SERVER_RPC_HEALTH_BOARD_H_
#define CHAINRULE_SERVER_RPC_HEALTH_BOARD_H_

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "engine/core/mutex.h"

namespace chainrule::server {

enum class Health { kServing, kNotServing };

class HealthBoard {
 public:
  // Told of each change, in order, under the board's lock: it must not call the board.
  // No value: there is nothing of that name.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnHealth(std::optional<Health> health) = 0;
  };

  void Set(const std::string& name, Health health);
  void Remove(const std::string& name);
  // All are NOT_SERVING from now on, also those that are set later.
  void StopAll();

  std::optional<Health> Get(const std::string& name) const;
  std::map<std::string, Health> List() const;

  // Tells the watcher how it is now, and then of every change until Unwatch returned.
  void Watch(const std::string& name, Watcher* watcher);
  void Unwatch(const std::string& name, Watcher* watcher);

 private:
  std::optional<Health> Find(const std::string& name) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable engine::Mutex mutex_;
  std::map<std::string, Health> entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::set<Watcher*>> watchers_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

// The name under which the board and the health service know a model.
std::string HealthNameOfModel(absl::string_view id);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_HEALTH_BOARD_H_
