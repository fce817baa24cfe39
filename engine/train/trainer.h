// Trainer: one Train or Fit call's work on one model, a mini-batch at a time.
// The owner calls Step until done(), publishing Share() whenever it likes between
// two steps.  A step is whole or did not happen: the optimizer writes the next
// parameters beside the old ones, whose place they take only if all is finite. The
// optimizer's state is written over, where it was not shared; if that step then proves
// not to be finite, the steps since the last Share are taken again.
// Single-threaded; the products inside a step use the executor.
#ifndef CHAINRULE_ENGINE_TRAIN_TRAINER_H_
#define CHAINRULE_ENGINE_TRAIN_TRAINER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/nn/network.h"
#include "engine/train/examples.h"
#include "engine/train/metrics.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

struct EarlyStopping {
  int64_t patience = 0;       // epochs without improvement that are borne; > 0
  double min_delta = 0;       // an improvement is more than this
  bool restore_best = false;  // put the best epoch's state back, as a step of its own
};

struct TrainOptions {
  int64_t epochs = 1;
  int64_t batch_size = 0;  // 0: all rows as one step
  bool keep_order = false;
  std::optional<double> learning_rate = std::nullopt;  // instead of the schedule's, for this call
  bool fit_normalization = false;                      // requires step 0
  // Of the call, from the trainer's creation: stops after the first step that ends later.
  std::optional<absl::Duration> time_limit = std::nullopt;
  double validation_fraction = 0;  // [0, 1); split off by seed; not with validation rows
  // Watches the validation loss, else the training loss.
  std::optional<EarlyStopping> early_stopping = std::nullopt;
};

enum class StopReason : uint8_t { kCompleted, kEarlyStopped, kTimeLimit };

struct EpochReport {
  int64_t epoch = 0;  // from 1
  double loss = 0;    // weighted mean, each batch measured before its step
  std::optional<double> validation_loss;
  std::optional<Metrics> validation_metrics;
  double learning_rate = 0;  // of the epoch's last step
  double gradient_norm = 0;  // of the epoch's last step, before clipping
  double rows_per_second = 0;
  int64_t model_step = 0;
};

struct TrainResult {
  double loss = 0;  // of the last epoch, of which so far if it was cut short
  // Of whole epochs, the last 10,000 at least. Confusion matrices have the newest of them, as
  // many as 4 MiB hold, and one at least.
  std::vector<EpochReport> epochs;
  std::optional<int64_t> best_epoch;  // with early stopping
  StopReason stop_reason = StopReason::kCompleted;
  int64_t steps_taken = 0;  // of the optimizer; putting the best state back is none
};

// How far a call has come, for one that was interrupted and is repeated.
struct TrainProgress {
  int64_t first_step = 0;  // the model's step when the call began: keys its shuffles
  int64_t epoch = 0;       // whole epochs done
  int64_t batch = 0;       // mini-batches done of the next one
  double loss_sum = 0;     // Σ w·loss of that epoch so far
  double weight_sum = 0;
  double learning_rate = 0;  // of its last step
  double gradient_norm = 0;  // the same, known at the epoch's end
  TrainResult result = {};   // reports so far
  std::optional<double> best_loss = std::nullopt;
  std::optional<ModelState> best_state = std::nullopt;
  int64_t epochs_since_best = 0;
};

class Trainer {
 public:
  // `network`, `examples`, `validation` (may be null), `executor` and
  // `cancellation` are borrowed. Options and widths were checked by the caller; there
  // is at least one row. A mini-batch whose rows all weigh 0 is a step like any other,
  // on a gradient that holds the penalties alone.
  // `progress`: of the interrupted call that this one repeats, if it does.
  Trainer(const Network& network, const Examples& examples, const Examples* validation,
          TrainOptions options, ModelState state, const Executor& executor,
          const Cancellation& cancellation, std::optional<TrainProgress> progress = std::nullopt);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  bool done() const;
  // One mini-batch, and at an epoch's end its validation and report. Requires
  // !done(). FAILED_PRECONDITION if loss, gradient norm or a new parameter is not
  // finite (it diverged): the state is that of the last good step and the trainer
  // is done. It may be OK at first and go back some steps, which are taken again until then.
  // CANCELLED and so on from the cancellation, UNAVAILABLE, STORAGE_FAILED from where spooled rows
  // are: nothing was done; with early stopping call Interrupt. Allocates nothing but at an epoch's
  // end.
  absl::Status Step();

  // What an interruption does: with restore_best and a best epoch, puts its state
  // back as one more step.
  void Interrupt();

  // The state as it is, immutable from now on.
  ModelState Share();
  int64_t step() const;
  // What it takes of memory beside the state that was shared last, rows apart.
  int64_t memory_bytes() const;
  // Reports of the epochs done; grows. The last element is complete.
  const TrainResult& result() const;
  const TrainProgress& progress() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_TRAINER_H_
