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
#include "server/models/observer.h"
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

  // Who is told of what happens. None may wait, the last not for the log.
  // A model's numbers were read back, or could not be: its id and uid.
  Observer<std::string, std::string, ModelCondition>& condition() { return condition_; }
  // Numbers have come to memory.
  Observer<>& load() { return load_; }
  // Records were replayed that were computed with other numerics.
  Observer<InexactReplay>& inexact() { return inexact_; }
  // Each damage that is found, of the log and of models.
  Observer<std::string>& damage() { return damage_; }
  // What a crash left at the log's end, and is cut off.
  Observer<std::string>& torn_tail() { return torn_tail_; }
  // The log was found closed: on the thread that did, each time it is found so anew.
  Observer<>& failure() { return failure_; }

  // Reads the log from its beginning and opens it, in place of the one that failed, which
  // has answered all its records before this reads.
  absl::Status OpenLog(const LogVisitor& visit, LogFindings* findings);
  // Commits what waits, and ends.
  void CloseLog();
  // OK while the log takes records; else UNAVAILABLE, STORAGE_FAILED.
  absl::Status status() const;
  // OK once the log was open, since when what was read of it is durable; else as status().
  absl::Status recovered() const;

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
  Observer<std::string, std::string, ModelCondition> condition_;
  Observer<> load_;
  Observer<InexactReplay> inexact_;
  Observer<std::string> damage_;
  Observer<std::string> torn_tail_;
  Observer<> failure_;

  mutable engine::Mutex mutex_;
  std::shared_ptr<Log> log_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool was_open_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_KEEPER_H_
