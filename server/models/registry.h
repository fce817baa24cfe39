// Registry: the models there are, by id, and the window of lifecycle request ids.
// With a store they are kept: Open brings them back, Close leaves nothing to be read from
// the log.
// Thread-safe: look-ups share no lock with each other for longer than a map look-up.
// Changes wait for the disk, so they are for worker threads.
#ifndef CHAINRULE_SERVER_MODELS_REGISTRY_H_
#define CHAINRULE_SERVER_MODELS_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/checkpointer.h"
#include "server/models/keeper.h"
#include "server/models/lifecycle_window.h"
#include "server/models/limits.h"
#include "server/models/model.h"
#include "server/models/settings.h"
#include "server/models/unloader.h"
#include "server/store/store.h"

namespace chainrule::server {

class Registry {
 public:
  // Models that live in memory. `scheduler` outlives them.
  Registry(const Limits& limits, WriterScheduler* scheduler);

  struct Keeping {
    Store* store = nullptr;                      // outlives the registry
    const engine::Executor* executor = nullptr;  // for replays; outlives it, too
    Keeper::Options keeper;
    // After the log failed: how often to try whether the disk is back.
    absl::Duration retry_interval = absl::Seconds(1);
    Checkpointer::Options checkpoints;
    Unloader::Options memory;
  };
  // Models that are kept. Call Open before anything else.
  Registry(const Limits& limits, WriterScheduler* scheduler, const Keeping& keeping);
  // Whoever gives turns to models has ended.
  ~Registry();

  // Reads which models there are, and what the log has of them; their numbers are read
  // when they are needed, or soon, if the log has something of them.
  absl::Status Open();
  // Writes all checkpoints, empties the log and closes the store: what is left then needs
  // no recovery. After Stop, when nothing runs any more. Once.
  absl::Status Close();

  using Request = LifecycleRequest;
  struct Result {
    ModelDescription model;
    bool replayed = false;
  };

  // Draws the weights. ALREADY_EXISTS, MODEL_EXISTS; INVALID_ARGUMENT, LIMIT_EXCEEDED:
  // there are max_models; UNAVAILABLE, STOPPING or STORAGE_FAILED.
  absl::StatusOr<Result> Create(const std::string& id,
                                std::shared_ptr<const ModelSettings> settings,
                                engine::Normalization normalization,
                                std::map<std::string, std::string> labels, const Request& request);
  // The same of a model that begins with these numbers.
  absl::StatusOr<Result> CreateFrom(const std::string& id,
                                    std::shared_ptr<const ModelSettings> settings,
                                    engine::ModelState state,
                                    std::map<std::string, std::string> labels,
                                    const Request& request);
  // Makes a model of the numbers of another, or of one of its versions (`version`: a number
  // or an alias; empty: the live ones). NOT_FOUND, beside what Create says.
  absl::StatusOr<Result> Copy(const std::string& source, const std::string& version,
                              const std::string& id, bool reset_optimizer, const Request& request);
  // What Create would make of it, without making it: no uid, etag or times. Fails as
  // Create would.
  absl::StatusOr<ModelDescription> Validate(const std::string& id,
                                            std::shared_ptr<const ModelSettings> settings,
                                            engine::Normalization normalization,
                                            std::map<std::string, std::string> labels) const;
  // NOT_FOUND, MODEL_NOT_FOUND, with the resource's name.
  absl::StatusOr<std::shared_ptr<Model>> Find(absl::string_view id) const;

  struct Page {
    std::vector<ModelDescription> models;  // by id
    std::string next_after;                // the last id, where more follow; else empty
  };
  // The first `page_size` models after the id `after`.
  Page List(const std::string& after, int64_t page_size) const;

  using Update = ModelUpdate;
  // NOT_FOUND; ABORTED, ETAG_MISMATCH.
  absl::StatusOr<Result> UpdateModel(const std::string& id, const std::string& etag, Update update,
                                     const Request& request);
  // Returns whether it was replayed. NOT_FOUND; ABORTED, ETAG_MISMATCH.
  absl::StatusOr<bool> Delete(const std::string& id, const std::string& etag,
                              const Request& request);

  struct VersionResult {
    VersionDescription version;
    bool replayed = false;
  };
  // As Model's, once for each request id.
  absl::StatusOr<VersionResult> Publish(const std::string& id,
                                        std::map<std::string, std::string> labels,
                                        std::optional<int64_t> if_step, const Request& request);
  absl::StatusOr<VersionResult> DeleteVersion(const std::string& id, int64_t number,
                                              const Request& request);
  absl::StatusOr<Result> SetAlias(const std::string& id, const std::string& alias,
                                  std::optional<int64_t> version, const std::string& etag,
                                  const Request& request);

  int64_t size() const;
  Unloader::Usage memory() const;

  // Calls `listener(id, health)` on each creation and deletion and when a model's health
  // changes, one at a time and in their order (the health service). It may look models up,
  // and change none.
  void SetListener(std::function<void(const std::string& id, ModelHealth health)> listener);
  // Calls `listener` with the reason when something cannot be kept, and with OK when all
  // can be again.
  void SetStorageListener(std::function<void(const absl::Status& storage)> listener);
  // Calls `listener` with each model that was replayed to other bits than were computed.
  void SetInexactListener(std::function<void(const InexactReplay& replay)> listener);
  // Calls `listener` with each damage that is found, of the log and of models.
  void SetDamageListener(std::function<void(const std::string& what)> listener);
  // Calls `listener` with what a crash left at the log's end, and is cut off.
  void SetTornTailListener(std::function<void(const std::string& what)> listener);
  // Refuses new changes and cancels what runs and waits with UNAVAILABLE (drain).
  void Stop();
  // Returns when no record waits to be replayed. For tests and tools.
  void WaitForRecovery();
  // Writes the checkpoints of all models that changed, now.
  absl::Status WriteCheckpoints();
  // Lets numbers leave memory until it is within its budget, now.
  void KeepMemoryBudget();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REGISTRY_H_
