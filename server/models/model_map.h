// ModelMap: the models there are, by id and by uid, and who hears of their health.
// Thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_MODEL_MAP_H_
#define CHAINRULE_SERVER_MODELS_MODEL_MAP_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/core/mutex.h"
#include "server/models/model.h"

namespace chainrule::server {

// Whether calls to a model will be answered; kGone: it was deleted.
enum class ModelHealth : uint8_t { kServing, kNotServing, kGone };

class ModelMap {
 public:
  explicit ModelMap(int64_t max_models) : max_models_(max_models) {}

  // Whether a model of this id could be added. STOPPING, MODEL_EXISTS, LIMIT_EXCEEDED.
  absl::Status CheckRoom(const std::string& id) const;
  // Requires that there is none of its id.
  void Add(const std::shared_ptr<Model>& model, ModelHealth health);
  void Remove(const std::string& id);
  // NOT_FOUND, MODEL_NOT_FOUND.
  absl::StatusOr<std::shared_ptr<Model>> Find(absl::string_view id) const;
  // The first `count` after `id`.
  std::vector<std::shared_ptr<Model>> After(const std::string& id, size_t count) const;
  std::vector<std::shared_ptr<Model>> All() const;
  int64_t size() const;
  // Stops every model, and refuses more.
  void Stop();

  // `uid`'s health is now this, if it is still the model of that id.
  void Tell(const std::string& id, const std::string& uid, ModelHealth health);
  void SetListener(std::function<void(const std::string& id, ModelHealth health)> listener);

 private:
  static size_t ShardOf(absl::string_view id);

  const int64_t max_models_;
  // Keeps what the listener hears in order. Before mutex_.
  engine::Mutex tell_mutex_;
  std::function<void(const std::string&, ModelHealth)> listener_ ABSL_GUARDED_BY(tell_mutex_);

  mutable engine::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Model>> models_ ABSL_GUARDED_BY(mutex_);
  // The same once more for Find, in shards: calls to different models share no lock.
  struct alignas(64) Shard {
    mutable engine::Mutex mutex;
    std::map<std::string, std::shared_ptr<Model>, std::less<>> models ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 32;
  std::array<Shard, kShards> shards_;  // each after mutex_
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_MODEL_MAP_H_
