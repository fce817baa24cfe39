// Journal: between a model's writer and its readers. It holds what readers see, appends
// the writer's records to the log, and lets nothing out that the log has not committed:
// a snapshot and the answers of a change wait for its record, and every other answer for
// the records before it.
// Without a keeper all is committed at once; a relaxed keeper's snapshots do not wait.
// Thread-safe; Commit and Then are for the model's writer, who has its turn.
#ifndef CHAINRULE_SERVER_MODELS_JOURNAL_H_
#define CHAINRULE_SERVER_MODELS_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/core/mutex.h"
#include "engine/nn/network.h"
#include "engine/train/model_state.h"
#include "server/models/keeper.h"
#include "server/models/settings.h"
#include "server/models/snapshot.h"

namespace chainrule::server {

class Journal : public std::enable_shared_from_this<Journal> {
 public:
  // Called once, on the log's thread or, if nothing waits, on the caller's: OK, and the
  // step that a power loss leaves; or STORAGE_FAILED: whether it is kept is unknown.
  using Done = std::function<void(const absl::Status& status, int64_t durable_step)>;

  // `keeper` may be null; it outlives the log's threads.
  explicit Journal(Keeper* keeper) : keeper_(keeper) {}

  // What readers see; null while the model is not in memory.
  std::shared_ptr<const Snapshot> snapshot() const;
  // Shows it to `visit`, under the journal's lock: whoever asks so is no reader.
  void Visit(absl::FunctionRef<void(const std::shared_ptr<const Snapshot>&)> visit) const;
  // Those that were shown before and that readers still have.
  std::vector<std::shared_ptr<const Snapshot>> Passed() const;
  int64_t durable_step();
  // What a training takes now, for the memory that the model reports.
  void SetTrainingBytes(int64_t bytes) { training_bytes_.store(bytes, std::memory_order_relaxed); }
  int64_t training_bytes() const { return training_bytes_.load(std::memory_order_relaxed); }
  // The same of the request window.
  void SetWindowBytes(int64_t bytes) { window_bytes_.store(bytes, std::memory_order_relaxed); }
  int64_t window_bytes() const { return window_bytes_.load(std::memory_order_relaxed); }

  // The numbers of a model that is new, or was read back, and are durable.
  void Show(std::shared_ptr<const ModelSettings> settings,
            std::shared_ptr<const engine::Network> network, engine::ModelState state);
  // Steps of a change that goes on, which has no record yet.
  void ShowSteps(engine::ModelState state);
  // The model leaves memory.
  void Hide();

  struct Change {
    std::string record;                             // with a keeper
    RecordKey key;                                  // of the record
    std::optional<engine::ModelState> state;        // unset: the same numbers
    std::shared_ptr<const ModelSettings> settings;  // null: the same
    std::shared_ptr<const engine::Network> network;
    int64_t step = 0;  // after it
    Done done;
  };
  // Returns the record's sequence, 0 where there is no log.
  uint64_t Commit(Change change);
  // Calls `done` once all that was committed before is decided.
  void Then(Done done);

  // A record was refused, so the writer's numbers are not what will be recovered; all
  // later ones are refused too, until Show.
  bool failed() const;
  // No record waits.
  bool idle() const;

 private:
  struct Pending {
    Change change;
    std::vector<Done> done;
  };
  void CommitInMemory(Change* change);
  void Queue(Change change);
  void Decide(const absl::Status& status, uint64_t synced);
  void Answer(const absl::Status& status, int64_t durable_step);
  // Both return the snapshot that was, for the caller to free after the lock.
  std::shared_ptr<const Snapshot> Publish(Change* change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<const Snapshot> Replace(std::shared_ptr<const Snapshot> snapshot)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountDurable(uint64_t synced) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Keeper* const keeper_;
  std::atomic<int64_t> training_bytes_{0};
  std::atomic<int64_t> window_bytes_{0};
  mutable engine::Mutex mutex_;
  std::shared_ptr<const ModelSettings> settings_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const engine::Network> network_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  // Replaced while somebody had them.
  std::vector<std::weak_ptr<const Snapshot>> passed_ ABSL_GUARDED_BY(mutex_);
  // The first stays until all its answers went out.
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  int64_t durable_step_ ABSL_GUARDED_BY(mutex_) = 0;
  // Relaxed: records that may not be synced yet, and the steps after them.
  std::deque<std::pair<uint64_t, int64_t>> unsynced_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_JOURNAL_H_
