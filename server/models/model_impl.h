// Model::Impl: the parts of a model and how they work together. See model.h for what it
// does, and for the parts: numbers.h (the writer's side, under the turn), journal.h (what
// readers see), facts_book.h, write_queue.h.
#ifndef CHAINRULE_SERVER_MODELS_MODEL_IMPL_H_
#define CHAINRULE_SERVER_MODELS_MODEL_IMPL_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/mutex.h"
#include "server/models/facts_book.h"
#include "server/models/journal.h"
#include "server/models/model.h"
#include "server/models/numbers.h"
#include "server/models/settings_json.h"
#include "server/models/turn.h"
#include "server/models/write.h"
#include "server/models/write_queue.h"

namespace chainrule::server {

class Model::Impl {
 public:
  Impl(StoredModel stored, const Limits& limits, Keeper* keeper, WriterScheduler* scheduler);

  const std::string& id() const { return id_; }
  const std::string& uid() const { return uid_; }
  Journal& journal() { return *journal_; }
  FactsBook& book() { return book_; }
  WriteQueue& queue() { return queue_; }

  void Begin(std::shared_ptr<const ModelSettings> settings, engine::ModelState state);
  std::shared_ptr<const Snapshot> snapshot() const;
  absl::StatusOr<std::shared_ptr<const Snapshot>> Load();
  absl::StatusOr<StoredSettings> settings() const;
  ModelDescription Describe(const ModelFacts& facts) const;
  absl::Status Readiness() const;
  absl::Status damage() const;

  void Enqueue(std::unique_ptr<Write> write, std::shared_ptr<Model> self);
  bool RunSlice(const engine::Executor& executor, absl::Time until);
  absl::StatusOr<ModelDescription> Update(const std::string& etag, ModelUpdate update, Stamp stamp);
  absl::StatusOr<ModelDescription> Delete(const std::string& etag, Stamp stamp);

  absl::StatusOr<int64_t> ResolveVersion(absl::string_view version) const;
  absl::StatusOr<VersionDescription> GetVersion(int64_t number) const;
  std::vector<VersionDescription> ListVersions() const;
  std::shared_ptr<const Snapshot> version_snapshot(int64_t number) const;
  absl::StatusOr<std::shared_ptr<const Snapshot>> LoadVersion(int64_t number);
  absl::Status VersionReadiness(int64_t number) const;
  absl::StatusOr<VersionDescription> Publish(std::map<std::string, std::string> labels,
                                             std::optional<int64_t> if_step, Stamp stamp);
  absl::StatusOr<VersionDescription> DeleteVersion(int64_t number, Stamp stamp);
  absl::StatusOr<ModelDescription> SetAlias(const std::string& alias,
                                            std::optional<int64_t> version, const std::string& etag,
                                            Stamp stamp);

  absl::Status Replay();
  void Recover(std::vector<TailRecord> tail, const std::vector<LogDamage>& damage);
  bool has_tail() const;
  bool needs_replay() const;
  std::optional<uint64_t> first_uncovered();
  std::optional<SequenceRange> needed();
  absl::Status WriteCheckpoint();
  std::vector<Resident> Residents() const;
  bool Unload(int64_t version);

 private:
  // What is known of numbers that are not in memory.
  struct Cold {
    std::optional<int64_t> tail_step;  // where the records behind the checkpoint lead
    absl::Status damage;               // why they cannot be had
    std::optional<StoredSettings> settings;

    // Not by assigning another: g++ 12 takes that one's settings for uninitialized.
    void Clear() {
      tail_step.reset();
      damage = absl::OkStatus();
      settings.reset();
    }
  };
  // A version that was read.
  struct ReadVersion {
    std::shared_ptr<const Snapshot> snapshot;
    int64_t last_use = 0;
  };
  absl::Status Prepare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  bool Advance(const engine::Executor& executor, absl::Time until)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void TellDamage(const absl::Status& damage);
  absl::Status LoadNumbers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  int64_t KnownStep() const;
  void FailCancelled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void FailRunning(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(turn_);
  void FailWaiting(const absl::Status& why, const engine::Executor& executor);
  bool Repair(Write* write, const engine::Executor& executor);
  absl::Status PutReplacement(std::shared_ptr<const ModelSettings> settings,
                              engine::ModelState state, WriteWindow* window);
  absl::Status SetLearningRate(double learning_rate);
  absl::StatusOr<StoredVersion> FindVersion(int64_t number) const;
  VersionDescription DescribeVersion(const StoredVersion& version) const;
  std::optional<Numbers::Capture> Capture();
  bool StillHolds(const Numbers::Capture& capture);
  absl::Status PutCheckpoint(const Numbers::Capture& capture);
  int64_t WriterBytes() const { return journal_->window_bytes() + journal_->training_bytes(); }
  bool UnloadLive();
  bool UnloadVersion(int64_t number);
  bool IsRead() const;
  void NoteDamage(int64_t number, const absl::Status& read);
  absl::StatusOr<std::shared_ptr<const Snapshot>> ReadVersionFile(int64_t number);
  void KeepVersion(int64_t number, std::shared_ptr<const Snapshot> snapshot);

  const std::string id_;
  const std::string uid_;
  const Limits limits_;
  Keeper* const keeper_;
  WriterScheduler* const scheduler_;
  const std::shared_ptr<Journal> journal_;
  FactsBook book_;
  WriteQueue queue_;
  engine::Mutex checkpoints_mutex_;    // one checkpoint at a time; before turn_
  engine::Mutex version_reads_mutex_;  // one version at a time, and none twice
  mutable std::atomic<int64_t> last_use_{0};

  Turn turn_;
  Numbers numbers_ ABSL_GUARDED_BY(turn_);
  std::unique_ptr<Write> running_ ABSL_GUARDED_BY(turn_);

  mutable engine::Mutex mutex_;
  mutable Cold cold_ ABSL_GUARDED_BY(mutex_);
  bool inexact_ ABSL_GUARDED_BY(mutex_) = false;  // as the numbers', for who has no turn
  // Of versions that were read; of one that lives in memory alone, of all.
  mutable std::map<int64_t, ReadVersion> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, absl::Status> damaged_versions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_MODEL_IMPL_H_
