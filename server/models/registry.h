// Registry: the models there are, by id, and the window of lifecycle request ids.
// Thread-safe: look-ups share no lock with each other for longer than a map look-up.
#ifndef CHAINRULE_SERVER_MODELS_REGISTRY_H_
#define CHAINRULE_SERVER_MODELS_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/models/limits.h"
#include "server/models/model.h"

namespace chainrule::server {

class Registry {
 public:
  Registry(const Limits& limits, WriterScheduler* scheduler);
  ~Registry();

  // A lifecycle call's request id and what it brought.
  struct Request {
    std::string id;  // empty: none
    ContentDigest digest{};
  };
  struct Result {
    ModelDescription model;
    bool replayed = false;
  };

  // Draws the weights, so it is for compute threads. ALREADY_EXISTS, MODEL_EXISTS;
  // RESOURCE_EXHAUSTED, LIMIT_EXCEEDED beyond max_models... as contract.md says.
  absl::StatusOr<Result> Create(const std::string& id,
                                std::shared_ptr<const ModelSettings> settings,
                                engine::Normalization normalization,
                                std::map<std::string, std::string> labels,
                                const Request& request);
  // What Create would make of it, without making it. ALREADY_EXISTS if the name is taken.
  absl::StatusOr<ModelDescription> Validate(const std::string& id,
                                            std::shared_ptr<const ModelSettings> settings,
                                            engine::Normalization normalization,
                                            std::map<std::string, std::string> labels) const;
  // NOT_FOUND, MODEL_NOT_FOUND, with the resource's name.
  absl::StatusOr<std::shared_ptr<Model>> Find(absl::string_view id) const;

  struct Page {
    std::vector<ModelDescription> models;  // by id
    std::string next_after;  // the last id, where more follow; else empty
  };
  Page List(const std::string& after, int64_t page_size) const;

  struct Update {
    std::optional<std::map<std::string, std::string>> labels;
    std::optional<double> learning_rate;
  };
  absl::StatusOr<Result> UpdateModel(const std::string& id, const std::string& etag,
                                     Update update, const Request& request);
  // Returns whether it was replayed.
  absl::StatusOr<bool> Delete(const std::string& id, const std::string& etag,
                              const Request& request);

  int64_t size() const;

  // Calls `listener(id, exists)` on each creation and deletion (the health service).
  void SetListener(std::function<void(const std::string& id, bool exists)> listener);
  // Refuses new changes and cancels what runs and waits with UNAVAILABLE (drain).
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_REGISTRY_H_
