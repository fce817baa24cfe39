// Registry: the models there are, by id, and the window of lifecycle request ids.
// Thread-safe: look-ups share no lock with each other for longer than a map look-up.
#ifndef CHAINRULE_SERVER_MODELS_REGISTRY_H_
#define CHAINRULE_SERVER_MODELS_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/limits.h"
#include "server/models/model.h"
#include "server/models/request_window.h"
#include "server/models/settings.h"

namespace chainrule::server {

class Registry {
 public:
  // `scheduler` outlives the models.
  Registry(const Limits& limits, WriterScheduler* scheduler);
  ~Registry();

  // A lifecycle call's request id and what it brought. A repeat while the first is
  // under way waits for it, so these calls are for compute threads.
  struct Request {
    std::string id;  // empty: none
    ContentDigest digest{};
  };
  struct Result {
    ModelDescription model;
    bool replayed = false;
  };

  // Draws the weights. ALREADY_EXISTS, MODEL_EXISTS; INVALID_ARGUMENT, LIMIT_EXCEEDED:
  // there are max_models; UNAVAILABLE, STOPPING.
  absl::StatusOr<Result> Create(const std::string& id,
                                std::shared_ptr<const ModelSettings> settings,
                                engine::Normalization normalization,
                                std::map<std::string, std::string> labels, const Request& request);
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

  int64_t size() const;

  // Calls `listener(id, exists)` on each creation and deletion, one at a time and in
  // their order (the health service). It may look models up, and change none.
  void SetListener(std::function<void(const std::string& id, bool exists)> listener);
  // Refuses new changes and cancels what runs and waits with UNAVAILABLE (drain).
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REGISTRY_H_
