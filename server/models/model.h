// Model: a live model. One writer, many readers: calls that change its numbers wait in
// one queue and run a slice at a time on a training lane; readers take the current
// snapshot and never wait.
// Thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_MODEL_H_
#define CHAINRULE_SERVER_MODELS_MODEL_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/executor.h"
#include "engine/train/model_state.h"
#include "server/models/calls.h"
#include "server/models/inference_statistics.h"
#include "server/models/limits.h"
#include "server/models/settings.h"
#include "server/models/snapshot.h"

namespace chainrule::server {

class Model;

// Gives models their turns. Implemented by compute's training lanes.
class WriterScheduler {
 public:
  virtual ~WriterScheduler() = default;
  // `model` has work: call its RunSlice soon, again and again until it returns false.
  // Called once each time its queue stops being empty.
  virtual void Schedule(std::shared_ptr<Model> model) = 0;
};

class Model : public std::enable_shared_from_this<Model> {
 public:
  // `scheduler` outlives the model.
  Model(std::string id, std::shared_ptr<const ModelSettings> settings,
        std::map<std::string, std::string> labels, engine::ModelState state, const Limits& limits,
        WriterScheduler* scheduler);
  ~Model();

  const std::string& id() const;
  std::shared_ptr<const Snapshot> snapshot() const;
  ModelDescription Describe() const;
  // Of predictions, by whoever runs them.
  InferenceStatistics& statistics() { return statistics_; }

  // Queue a change. Refusals (the model was deleted, the server stops) go to `done` at
  // once, results from a lane.
  void Train(TrainCall call);
  void SetWeights(SetWeightsCall call);

  // Labels and settings do not wait in the queue; what runs keeps the settings that it
  // began with. ABORTED, ETAG_MISMATCH: `etag` is not empty and no longer the current
  // one. Returns the model as this change made it.
  absl::StatusOr<ModelDescription> Update(const std::string& etag, ModelUpdate update);
  // Ends what runs, at the next mini-batch, and what waits with ABORTED, MODEL_DELETED.
  // NOT_FOUND: it was deleted before. ABORTED, ETAG_MISMATCH.
  absl::Status Delete(const std::string& etag);
  // The same with UNAVAILABLE, STOPPING: the server drains.
  void Stop();

  // One turn, until about `until`, on a training lane; never two at a time. Returns
  // whether there is more to do.
  bool RunSlice(const engine::Executor& executor, absl::Time until);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
  InferenceStatistics statistics_;
};

// Bytes that a model of this network takes when nobody trains it or predicts with it.
int64_t IdleMemoryBytes(const engine::Network& network);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_MODEL_H_
