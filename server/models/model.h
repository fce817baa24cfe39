// Model: one model. One writer, many readers: calls that change its numbers wait in one
// queue and run a slice at a time on a training lane; readers take the current snapshot
// and never wait.
// Its numbers are in memory, or, of one that is kept, in its checkpoint and the log, from
// where they come when they are first needed.
// Thread-safe.
#ifndef CHAINRULE_SERVER_MODELS_MODEL_H_
#define CHAINRULE_SERVER_MODELS_MODEL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/executor.h"
#include "engine/train/model_state.h"
#include "server/models/calls.h"
#include "server/models/inference_statistics.h"
#include "server/models/keeper.h"
#include "server/models/limits.h"
#include "server/models/settings.h"
#include "server/models/snapshot.h"
#include "server/store/store.h"

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

// A record of the log that waits to be replayed. What it brought stays on the disk until
// then.
struct TailRecord {
  uint64_t sequence = 0;
  RecordPlace place;
  int64_t step = 0;  // after it
};

class Model : public std::enable_shared_from_this<Model> {
 public:
  // A new one, in memory alone. `scheduler` outlives the model.
  Model(std::string id, std::shared_ptr<const ModelSettings> settings,
        std::map<std::string, std::string> labels, engine::ModelState state, const Limits& limits,
        WriterScheduler* scheduler);
  // One that is stored; its numbers are not in memory. `keeper` and `scheduler` outlive it.
  Model(StoredModel stored, const Limits& limits, Keeper* keeper, WriterScheduler* scheduler);
  ~Model();
  // The numbers of one that was just stored with them.
  void Begin(std::shared_ptr<const ModelSettings> settings, engine::ModelState state);

  const std::string& id() const;
  const std::string& uid() const;
  // What readers see; null while the numbers are not in memory.
  std::shared_ptr<const Snapshot> snapshot() const;
  // DATA_LOSS, MODEL_DAMAGED: what is stored of them cannot be read.
  absl::StatusOr<std::shared_ptr<const ModelSettings>> settings() const;
  // As GetModel shows it, with what is known without its numbers if they are not in memory.
  ModelDescription Describe() const;
  // Whether calls to it will be answered, in memory or not. UNAVAILABLE: what it learned
  // last is being read back; DATA_LOSS, MODEL_DAMAGED: what was found so far.
  absl::Status Readiness() const;
  // DATA_LOSS, MODEL_DAMAGED: it is known that the numbers cannot be had.
  absl::Status damage() const;
  // Of predictions, by whoever runs them.
  InferenceStatistics& statistics() { return statistics_; }

  // Brings the numbers to memory, if they are not there, and returns the snapshot. Waits
  // for the disk. DATA_LOSS, MODEL_DAMAGED; UNAVAILABLE, STORAGE_FAILED.
  absl::StatusOr<std::shared_ptr<const Snapshot>> Load();

  // Queue a change. Refusals (the model was deleted, the server stops) go to `done` at
  // once, results from a lane or from the log's thread.
  void Train(TrainCall call);
  void SetWeights(SetWeightsCall call);
  void Replace(ReplaceCall call);
  void ApplyGradients(ApplyGradientsCall call);

  // Labels and settings do not wait in the queue, only for the next mini-batch; what runs
  // keeps the settings that it began with. Waits for the disk. ABORTED, ETAG_MISMATCH:
  // `etag` is not empty and no longer the current one. Returns the model as this change
  // made it.
  absl::StatusOr<ModelDescription> Update(const std::string& etag, ModelUpdate update,
                                          Stamp stamp = kNoStamp);

  // --- Versions. Changes of them wait for the disk, and not in the queue. ---

  // The number that a number or an alias means. NOT_FOUND, VERSION_NOT_FOUND.
  absl::StatusOr<int64_t> ResolveVersion(absl::string_view version) const;
  // The same of an alias that need not be there.
  std::optional<int64_t> FindAlias(absl::string_view alias) const;
  absl::StatusOr<VersionDescription> GetVersion(int64_t number) const;
  std::vector<VersionDescription> ListVersions() const;  // by number
  // A version's numbers for readers, if they are in memory; else null.
  std::shared_ptr<const Snapshot> version_snapshot(int64_t number) const;
  // Brings them there. Waits for the disk. NOT_FOUND; DATA_LOSS; UNAVAILABLE.
  absl::StatusOr<std::shared_ptr<const Snapshot>> LoadVersion(int64_t number);
  // OK, as far as is known: DATA_LOSS once LoadVersion has said so.
  absl::Status VersionReadiness(int64_t number) const;
  // Keeps what readers see now. ABORTED, STEP_MISMATCH.
  absl::StatusOr<VersionDescription> Publish(std::map<std::string, std::string> labels,
                                             std::optional<int64_t> if_step,
                                             Stamp stamp = kNoStamp);
  // NOT_FOUND; FAILED_PRECONDITION, VERSION_IN_USE.
  absl::StatusOr<VersionDescription> DeleteVersion(int64_t number, Stamp stamp = kNoStamp);
  // `version` unset: deletes the alias. NOT_FOUND; ABORTED, ETAG_MISMATCH.
  absl::StatusOr<ModelDescription> SetAlias(const std::string& alias,
                                            std::optional<int64_t> version, const std::string& etag,
                                            Stamp stamp = kNoStamp);

  // Ends what runs, at the next mini-batch, and what waits with ABORTED, MODEL_DELETED.
  // Its files go. NOT_FOUND: it was deleted before. ABORTED, ETAG_MISMATCH. Returns the
  // model as it was.
  absl::StatusOr<ModelDescription> Delete(const std::string& etag, Stamp stamp = kNoStamp);
  // Ends what runs and waits with UNAVAILABLE, STOPPING: the server drains.
  void Stop();

  // One turn, until about `until`, on a training lane; never two at a time. Returns
  // whether there is more to do.
  bool RunSlice(const engine::Executor& executor, absl::Time until);

  // For who keeps models. What the log has of it, when it is read anew: of use where the
  // numbers are not in memory, or are not what the log has. `damage`: what cannot be read
  // of the log; a model that may have lost a record is FAILED.
  void Recover(std::vector<TailRecord> tail, const std::vector<LogDamage>& damage);
  // Records wait to be replayed.
  bool has_tail() const;
  // They do, or were replayed to other bits than their own and are in no checkpoint yet.
  bool needs_replay() const;
  // Does what is missing of both. As Load.
  absl::Status Replay();
  // The first record that is in no checkpoint.
  std::optional<uint64_t> first_uncovered() const;
  // The records that the log is to keep for it: of one that is damaged, what there is.
  std::optional<SequenceRange> needed() const;
  // Writes one, if there is a record that is in none. Waits for the disk.
  absl::Status WriteCheckpoint();

  // What of it is in memory, and could leave.
  struct Resident {
    // 0: the live numbers. kPassed: those that were live, for who still reads them; they leave
    // with their last reader.
    static constexpr int64_t kPassed = -1;
    int64_t version = 0;
    int64_t bytes = 0;     // what others have, too, counts for the first that has it
    int64_t last_use = 0;  // the later, the larger
  };
  std::vector<Resident> Residents() const;  // the live numbers first
  // Takes a version's numbers from memory, or (0) the live ones, for which a checkpoint is
  // written if they are in none; kPassed ones stay. Returns whether they have left: not while
  // somebody uses them, nor while the disk does not let them. Waits for the disk.
  bool Unload(int64_t version);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
  InferenceStatistics statistics_;
};

// The model as a reply tells it, also a repeat: as it was then.
ModelDescription AnsweredModel(const SetWeightsReply& reply, const Model& model);

// Bytes that a model takes when its numbers are not in memory; and when they are, but nobody
// trains it or predicts with it.
int64_t ObjectBytes(const ModelSettings& settings, bool stored);
int64_t IdleMemoryBytes(const ModelSettings& settings, bool stored);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_MODEL_H_
