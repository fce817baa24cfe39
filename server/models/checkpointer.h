// Checkpointer: writes models' checkpoints in the background, so that little of the log
// has to be replayed and its old part can go: of all models with a record in it, once so
// many bytes came to the log since the last time; of each that changed, after some time.
// A model's writer is held up for a copy of its request window, readers not at all.
// Thread-safe; a thread of its own.
#ifndef CHAINRULE_SERVER_MODELS_CHECKPOINTER_H_
#define CHAINRULE_SERVER_MODELS_CHECKPOINTER_H_

#include <cstdint>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/core/mutex.h"
#include "server/models/keeper.h"
#include "server/models/model_map.h"

namespace chainrule::server {

class Checkpointer {
 public:
  struct Options {
    int64_t log_bytes = int64_t{64} << 20;
    absl::Duration interval = absl::Minutes(5);
    // How often it looks whether there is something to do.
    absl::Duration look = absl::Milliseconds(250);
  };

  // Both outlive this.
  Checkpointer(Keeper* keeper, ModelMap* models, Options options);
  ~Checkpointer();

  void Start();
  void Stop();

  // Writes the checkpoints of all models that changed, and removes the part of the log
  // that none needs any more. The first error, after which it has done what it could.
  absl::Status WriteAll();
  // The same when nothing changes any more: nothing is left in the log. DATA_LOSS: but
  // what damaged models need.
  absl::Status EmptyLog();

 private:
  void Loop();
  bool Wait();  // returns false when the thread should end
  bool IsDue();
  bool AnyUncovered();
  bool AnyNeeded();
  absl::Status Trim();

  Keeper* const keeper_;
  ModelMap* const models_;
  const Options options_;

  engine::Mutex mutex_;
  engine::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The thread's.
  int64_t bytes_after_last_ = 0;
  absl::Time last_ = absl::InfinitePast();
  std::thread thread_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_MODELS_CHECKPOINTER_H_
