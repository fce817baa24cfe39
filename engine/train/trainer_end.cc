// How a training ends: at its last epoch, out of patience or time, interrupted, or diverged.
#include <utility>

#include "engine/train/best_epoch.h"
#include "engine/train/divergence.h"
#include "engine/train/trainer_impl.h"

namespace chainrule::engine {

// Of an epoch that was interrupted between its last step and its end only the report was
// missing: what was validated is the best state itself, which had been put back.
void Trainer::Impl::WatchForBest(const EpochReport& report) {
  if (progress_.best_state && progress_.best_state->step == step_) return;
  const std::optional<EarlyStopping>& stopping = options_.early_stopping;
  if (!stopping || !NoteBestEpoch(*stopping, report, &progress_) || !stopping->restore_best) return;
  progress_.best_state = Share();
  Remember();  // with it
}

bool Trainer::Impl::OutOfPatience() const {
  return options_.early_stopping &&
         progress_.epochs_since_best >= options_.early_stopping->patience;
}

bool Trainer::Impl::OutOfTime() const {
  return options_.time_limit && SinceThen(start_) >= *options_.time_limit;
}

void Trainer::Impl::Finish(StopReason reason) {
  RestoreBest();
  progress_.result.stop_reason = reason;
  done_ = true;
}

void Trainer::Impl::Interrupt() {
  RestoreBest();
  done_ = true;
}

void Trainer::Impl::RestoreBest() {
  std::optional<ModelState>& best = progress_.best_state;
  if (done_ || !best || best->step == step_) return;
  Take(*best);
  best->step = ++step_;  // where it stands now: interrupted once more, nothing is restored
}

// All of it but its step.
void Trainer::Impl::Take(const ModelState& state) {
  parameters_.Reset(state.parameters);
  optimizer_state_.Reset(state.optimizer);
  kept_normalization_ = state.normalization;
  optimizer_steps_ = state.optimizer_steps;
}

// Stops at the last good step. If that one's optimizer state is lost, its way there from
// where the state was shared last is gone again first, to the same bits.
absl::Status Trainer::Impl::Diverge(absl::string_view what) {
  absl::Status why = Diverged(what, step_, progress_.result.steps_taken);
  if (!std::exchange(overwrites_, false)) {
    done_ = true;
    return why;
  }
  diverged_ = std::move(why);
  last_good_step_ = step_;
  GoBack();
  return absl::OkStatus();
}

void Trainer::Impl::GoBack() {
  Take(shared_.state());
  step_ = shared_.state().step;
  shared_.Restore(&progress_);
  order_epoch_ = -1;
}

}  // namespace chainrule::engine
