// Keeper: with what models survive: the store, and its log that is open now. One a
// registry; a model without one lives in memory alone.
// Thread-safe. Everything but Append waits for the disk.
#ifndef CHAINRULE_SERVER_MODELS_KEEPER_H_
#define CHAINRULE_SERVER_MODELS_KEEPER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/core/executor.h"
#include "engine/core/mutex.h"
#include "server/models/settings.h"
#include "server/store/log.h"
#include "server/store/store.h"

namespace chainrule::server {

// A model whose last steps were computed by another processor than replayed them: its
// numbers are as good, but not the same bits.
struct InexactReplay {
  std::string model_id;
  int64_t step = 0;           // after the replay
  std::string computed_with;  // numerics
  std::string replayed_with;
};

class Keeper {
 public:
  struct Options {
    // Behaviour. false: a step is seen and answered once its record is synced. true: seen
    // at once, answered once its record is written.
    bool relaxed = false;
    // What decides the bits of a training here (GetServerInfo's numerics).
    std::string numerics;
    // Performance. A long training keeps what it has done no more often than this, and
    // with no more bytes a second.
    absl::Duration progress_interval = absl::Milliseconds(200);
    int64_t progress_bytes = int64_t{16} << 20;
  };

  // `store` and `executor`, for replays, outlive the keeper.
  Keeper(Store* store, const engine::Executor* executor, Options options);
  ~Keeper();

  Store* store() const { return store_; }
  const engine::Executor& executor() const { return *executor_; }
  const Options& options() const { return options_; }

  // Called when a model's numbers were read back, or could not be. It must not wait.
  using ConditionListener =
      std::function<void(const std::string& id, const std::string& uid, ModelCondition)>;
  void SetConditionListener(ConditionListener listener);
  void TellCondition(const std::string& id, const std::string& uid, ModelCondition condition);

  // Called when numbers have come to memory. It must not wait.
  void SetLoadListener(std::function<void()> listener);
  void TellLoaded();
  // Called when records were replayed that were computed with other numerics. It must not
  // wait.
  using InexactListener = std::function<void(const InexactReplay&)>;
  void SetInexactListener(InexactListener listener);
  void TellInexact(const InexactReplay& replay);

  // Called with each damage that is found, of the log and of models. It must not wait.
  using DamageListener = std::function<void(const std::string& what)>;
  void SetDamageListener(DamageListener listener);
  void TellDamage(const std::string& what);
  // Called with what a crash left at the log's end, and is cut off. It must not wait.
  using TornTailListener = std::function<void(const std::string& what)>;
  void SetTornTailListener(TornTailListener listener);
  void TellTornTail(const std::string& what);

  // Called on the thread that finds the log closed, each time it is found so anew. It must
  // not wait for the log.
  void SetFailureListener(std::function<void()> listener);

  // Reads the log from its beginning and opens it, in place of the one that failed, which
  // has answered all its records before this reads.
  absl::Status OpenLog(const LogVisitor& visit, LogFindings* findings);
  // Commits what waits, and ends.
  void CloseLog();
  // OK while the log takes records; else UNAVAILABLE, STORAGE_FAILED.
  absl::Status status() const;

  // As Log's. Without an open log `done` is told why at once, and 0 is returned.
  uint64_t Append(RecordKey key, std::string payload, Log::Done done);
  absl::Status Flush();
  absl::StatusOr<uint64_t> Rotate();
  absl::Status RemoveBefore(uint64_t sequence, const std::vector<SequenceRange>& kept);
  int64_t log_bytes() const;
  uint64_t synced() const;

 private:
  std::shared_ptr<Log> log() const;
  absl::StatusOr<std::shared_ptr<Log>> OpenedLog() const;
  void Fail(const absl::Status& status);

  Store* const store_;
  const engine::Executor* const executor_;
  const Options options_;

  mutable engine::Mutex mutex_;
  std::shared_ptr<Log> log_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> listener_ ABSL_GUARDED_BY(mutex_);
  ConditionListener condition_listener_ ABSL_GUARDED_BY(mutex_);
  std::function<void()> load_listener_ ABSL_GUARDED_BY(mutex_);
  InexactListener inexact_listener_ ABSL_GUARDED_BY(mutex_);
  DamageListener damage_listener_ ABSL_GUARDED_BY(mutex_);
  TornTailListener torn_tail_listener_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_KEEPER_H_
