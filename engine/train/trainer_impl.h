// What a Trainer is made of: its steps are in trainer.cc, how it ends in trainer_end.cc.
// Single-threaded.
#ifndef CHAINRULE_ENGINE_TRAIN_TRAINER_IMPL_H_
#define CHAINRULE_ENGINE_TRAIN_TRAINER_IMPL_H_

#include <chrono>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "engine/train/batch_gradient.h"
#include "engine/train/batches.h"
#include "engine/train/double_buffer.h"
#include "engine/train/gradient_sync.h"
#include "engine/train/milestone.h"
#include "engine/train/norm_sum.h"
#include "engine/train/optimizer.h"
#include "engine/train/row_feed.h"
#include "engine/train/trainer.h"

namespace chainrule::engine {

class Trainer::Impl {
 public:
  Impl(const Network& network, const Examples& examples, const Examples* validation,
       TrainOptions options, ModelState state, const Executor& executor,
       const Cancellation& cancellation, std::optional<TrainProgress> progress);

  bool done() const { return done_; }
  int64_t step() const { return step_; }
  const TrainProgress& progress() const { return progress_; }

  absl::Status Step();
  void Interrupt();
  ModelState Share();
  int64_t memory_bytes() const;

 private:
  using Clock = std::chrono::steady_clock;
  static absl::Duration SinceThen(Clock::time_point start) {
    return absl::FromChrono(Clock::now() - start);
  }

  int64_t batches() const { return (training_rows() + batch_size_ - 1) / batch_size_; }
  int64_t training_rows() const { return rows_.training->size(); }
  bool InOneGradient() const;
  bool in_epoch() const { return progress_.batch < batches(); }
  int64_t NextBatchRows() const;

  absl::Status BeginCall();
  void BeginEpoch();
  absl::Status RunBatch();
  UpdateBlocks Blocks();
  absl::Status UpdateAtOnce();
  absl::Status UpdateInParts();
  void Commit(const BatchLoss& batch);
  absl::Status EndEpoch();
  absl::Status Validate(EpochReport* report);
  void WatchForBest(const EpochReport& report);
  bool OutOfPatience() const;
  bool OutOfTime() const;
  void Finish(StopReason reason);
  void RestoreBest();
  void Take(const ModelState& state);
  void Remember();
  absl::Status Diverge(absl::string_view what);
  void GoBack();

  const Network& network_;
  const Examples& examples_;
  const Examples* const validation_;
  const TrainOptions options_;
  const Executor& executor_;
  const Cancellation& cancellation_;
  const Clock::time_point start_ = Clock::now();

  // The model's state. `kept_normalization_` becomes `normalization_` with the first
  // step, so that a call without one changes nothing.
  DoubleBuffer parameters_;
  DoubleBuffer optimizer_state_;
  std::shared_ptr<const Normalization> kept_normalization_;
  std::shared_ptr<const Normalization> normalization_;
  int64_t step_;
  int64_t optimizer_steps_;

  TrainProgress progress_;
  bool done_ = false;
  Milestone shared_;
  // The current optimizer state is being written over.
  bool overwrites_ = false;
  // Why it diverged, while it takes the steps up to the last good one again.
  absl::Status diverged_;
  int64_t last_good_step_ = 0;
  RowSplit rows_;
  int64_t batch_size_ = 0;
  // Of the epoch `order_epoch_`; null: the rows as they came.
  std::unique_ptr<const RowOrder> order_;
  int64_t order_epoch_ = -1;
  Clock::time_point epoch_start_ = start_;
  int64_t epoch_rows_ = 0;  // learned from since epoch_start_

  LocalGradientSync sync_;
  Optimizer optimizer_;
  NormSum norm_;
  AlignedBuffer gradient_;
  std::optional<BatchGradient> batch_gradient_;
  RowFeed feed_;  // of the batches that the epoch still has
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_TRAINER_IMPL_H_
