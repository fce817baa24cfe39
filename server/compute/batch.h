// Batch: predictions with one model that run together, in the order they came.
// BatchRunner: runs one batch at a time and keeps the memory for the next.
#ifndef CHAINRULE_SERVER_COMPUTE_BATCH_H_
#define CHAINRULE_SERVER_COMPUTE_BATCH_H_

#include <functional>
#include <list>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/core/aligned_buffer.h"
#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/nn/predictor.h"
#include "server/compute/batcher.h"
#include "server/models/completion.h"
#include "server/models/snapshot.h"

namespace chainrule::server {

// Why the call is not to run any more, with its model's id.
absl::Status CheckCancelled(const PredictCall& call);
// In the statistics of its model.
void CountFailed(const PredictCall& call);

// Its pinned one, or the live one of now.
std::shared_ptr<const Snapshot> SnapshotOf(const PredictCall& call);
// One with the same settings, for a look at them.
const Snapshot& SnapshotInMemory(const PredictCall& call);

struct QueuedPredict {
  explicit QueuedPredict(PredictCall predict)
      : call(std::move(predict)), done(std::move(call.done)) {}

  PredictCall call;
  Completion<absl::Status, const Snapshot&> done;
  engine::MatrixView outputs;  // once placed
  engine::MatrixView logits;
};

using Batch = std::list<QueuedPredict>;

// The oldest call of `queue`, which is not empty, and those of the same model that wait and
// fit in one batch with it.
Batch TakeBatch(const Batcher::Options& options, Batch* queue);

// Ends those calls of `waiting` that are cancelled; the others stay.
void FailCancelled(Batch* waiting);
// Ends all calls of `batch`, which is not empty: the server stops.
void Refuse(Batch* batch);

// A call that is cancelled, or has an input that is not finite, fails alone. One call
// alone runs from its own floats into its own outputs; several are gathered into one
// matrix, and their rows copied out. What was done is in the model's statistics before
// anybody hears of it.
// Single-threaded: one a worker.
class BatchRunner {
 public:
  // `between` is called between the blocks of a long call.
  explicit BatchRunner(
      const engine::Executor* executor, std::function<void()> between = [] {})
      : executor_(executor), between_(std::move(between)) {}

  // Finishes every call of `batch`, which is not empty, and leaves it empty.
  void Run(Batch* batch);

 private:
  // Memory that grows when it must and is used again.
  class Floats {
   public:
    engine::MatrixView Get(int64_t rows, int64_t columns);

   private:
    engine::AlignedBuffer buffer_;
  };

  void RunAlone(Batch* batch, const Snapshot& snapshot);
  absl::Status RunBlocks(const QueuedPredict& predict, const Snapshot& snapshot);
  absl::Status RunBlock(const QueuedPredict& predict, const Snapshot& snapshot, int64_t first,
                        int64_t count);
  void RunShared(Batch* batch, const Snapshot& snapshot);
  engine::ConstMatrixView Gather(Batch* batch, const Snapshot& snapshot);
  engine::ConstMatrixView Convert(const engine::ElementRows& rows, int64_t first, int64_t count);
  void Compute(const Snapshot& snapshot, engine::ConstMatrixView inputs, engine::MatrixView outputs,
               engine::MatrixView logits);
  // The time since the last call, added to one of times_.
  void Lap(int64_t* ns);
  void RecordSuccess(const Batch& batch) const;

  const engine::Executor* const executor_;
  const std::function<void()> between_;
  engine::Predictor::Scratch scratch_;
  Floats inputs_;
  Floats outputs_;
  Floats logits_;

  // Of the batch that runs.
  InferenceStatistics::Times times_;
  absl::Time formed_;
  absl::Time lap_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_BATCH_H_
