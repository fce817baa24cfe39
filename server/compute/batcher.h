// Batcher: concurrent predictions with one model share matrix products. It adds no
// wait: a call that comes while a worker is free runs at once; those that come while
// all are busy are gathered, by model and version, and run together. Small ones that one
// thread brings at the same moment run together on that thread: Batcher::Here. The live
// snapshot is taken when a batch is formed.
// Thread-safe. Every call's `done` is called exactly once, on a worker's thread (on the
// caller's if it is small or refused at once), also when it was cancelled or its deadline passed
// while it waited: then when a worker next forms a batch, or has run a block of a long call, and
// soon where what it waits for is the disk.
#ifndef CHAINRULE_SERVER_COMPUTE_BATCHER_H_
#define CHAINRULE_SERVER_COMPUTE_BATCHER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/train/examples.h"
#include "server/models/model.h"
#include "server/models/snapshot.h"

namespace chainrule::server {

struct PredictCall {
  std::shared_ptr<Model> model;
  // Whose numbers to use; null: the model's live ones, taken when the batch is formed.
  std::shared_ptr<const Snapshot> pinned;
  // Whose numbers to use where `pinned` is null, and what it is counted under; 0: live.
  int64_t version = 0;
  engine::ElementRows inputs;  // borrowed until done
  int64_t rows = 0;
  int64_t reply_bytes = 0;  // what `done` has to make, about
  // Called on a worker when the batch is formed, at most once: where the outputs and,
  // unless null, the logits go; they are borrowed until done. May be where the reply is
  // allocated. An error may still follow.
  std::function<void(const Snapshot& snapshot, engine::MatrixView* outputs,
                     engine::MatrixView* logits)>
      place;
  const engine::Cancellation* cancellation = nullptr;  // borrowed until done
  absl::Time arrival = absl::Now();                    // what is measured begins here
  // The batcher's own: the live numbers when the call came, in case they leave memory.
  std::shared_ptr<const Snapshot> seen;
  // OK: the outputs are written. `snapshot`: the one that was used; where it could not be
  // read, one that knows the model's settings alone. INVALID_ARGUMENT: an input is not finite; row
  // and column are in the violation. Or why it was cancelled.
  std::function<void(absl::Status status, const Snapshot& snapshot)> done;
};

class Batcher {
 public:
  struct Options {
    int workers = 1;               // threads that run batches
    int64_t max_batch_rows = 512;  // gathered calls are cut here; one call may be longer
    // Runs on another thread what reads a model's numbers from the disk; unset: on the
    // caller's.
    std::function<void(std::function<void()>)> loader = nullptr;
    // Gathered calls are cut at so many bytes of inputs and outputs, too.
    int64_t max_batch_bytes = int64_t{8} << 20;
    // How long small calls wait for Here::Run, while their thread is brought more and more.
    absl::Duration max_wait_here = absl::Milliseconds(1);
    // How often a worker looks, between two batches, whether the calls that wait are still
    // wanted; and, with nothing to do, whether those that wait for the disk are. Above 0 for them.
    absl::Duration look = absl::Milliseconds(20);
  };
  // `executor` (high priority) outlives the batcher.
  Batcher(const Options& options, const engine::Executor* executor);
  // Stops, and waits for the workers.
  ~Batcher();

  // Where calls come from: while one lives, the small calls that its thread gives to
  // Predict wait for Run. That is for who knows when no more come at once: another
  // thread's waking up costs as much as a small call.
  // Single-threaded; one a thread; destroyed with nothing waiting. The batcher outlives it.
  class Here {
   public:
    explicit Here(Batcher* batcher);
    ~Here();
    Here(const Here&) = delete;
    Here& operator=(const Here&) = delete;
    class Impl;
    bool empty() const;
    // Enough waits, or for long enough: Run is due even if more comes.
    bool full() const;
    // Runs what waits on this thread.
    void Run();

   private:
    std::unique_ptr<Impl> impl_;
  };

  // Requires inputs as wide as the model's.
  void Predict(PredictCall call);
  // What waits, and what comes from now on, is answered UNAVAILABLE, STOPPING.
  void Stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_BATCHER_H_
