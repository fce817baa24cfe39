#include "engine/train/trainer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "engine/core/check.h"
#include "engine/nn/predictor.h"
#include "engine/train/add_report.h"
#include "engine/train/evaluation.h"
#include "engine/train/fit_normalization.h"
#include "engine/train/schedule.h"
#include "engine/train/trainer_impl.h"

namespace chainrule::engine {
namespace {

// From which score on a sigmoid unit says yes in a validation.
constexpr double kThreshold = 0.5;

}  // namespace

Trainer::Impl::Impl(const Network& network, const Examples& examples, const Examples* validation,
                    TrainOptions options, ModelState state, const Executor& executor,
                    const Cancellation& cancellation, std::optional<TrainProgress> progress)
    : network_(network),
      examples_(examples),
      validation_(validation),
      options_(std::move(options)),
      executor_(executor),
      cancellation_(cancellation),
      parameters_(network, std::move(state.parameters), DoubleBuffer::Next::kBeside),
      optimizer_state_(network, std::move(state.optimizer), DoubleBuffer::Next::kInPlace),
      kept_normalization_(state.normalization),
      normalization_(std::move(state.normalization)),
      step_(state.step),
      optimizer_steps_(state.optimizer_steps),
      progress_(progress ? *std::move(progress) : TrainProgress{.first_step = step_}),
      rows_(SplitRows(network.spec().seed, examples.rows(), options_.validation_fraction)),
      optimizer_(network),
      norm_(network),
      gradient_(network.UnsetBlocks(1)),
      feed_(examples) {
  CHAINRULE_CHECK(training_rows() > 0);
  batch_size_ =
      options_.batch_size > 0 ? std::min(options_.batch_size, training_rows()) : training_rows();
  done_ = progress_.epoch >= options_.epochs;
  Remember();
}

absl::Status Trainer::Impl::Step() {
  CHAINRULE_CHECK(!done_);
  if (absl::Status status = cancellation_.Check(); !status.ok()) return status;
  if (!batch_gradient_) {
    if (absl::Status status = BeginCall(); !status.ok()) return status;
  }
  if (order_epoch_ != progress_.epoch) BeginEpoch();
  if (in_epoch()) {
    if (absl::Status status = RunBatch(); !status.ok()) return status;
  }
  if (!in_epoch()) {
    if (absl::Status status = EndEpoch(); !status.ok()) return status;
  }
  if (!diverged_.ok() && step_ == last_good_step_) {
    done_ = true;
    return diverged_;
  }
  if (!done_ && diverged_.ok() && OutOfTime()) Finish(StopReason::kTimeLimit);
  return absl::OkStatus();
}

absl::Status Trainer::Impl::BeginCall() {
  if (options_.fit_normalization && progress_.result.steps_taken == 0) {
    absl::StatusOr<Normalization> fitted =
        FitNormalization(network_.spec(), examples_, *rows_.training, executor_, cancellation_);
    if (!fitted.ok()) return fitted.status();
    normalization_ = std::make_shared<Normalization>(*std::move(fitted));
  }
  batch_gradient_.emplace(network_, *normalization_, batch_size_, executor_);
  return absl::OkStatus();
}

void Trainer::Impl::BeginEpoch() {
  feed_.End();
  order_.reset();  // before there is another one
  // One step takes all rows: their order would change nothing but roundings.
  if (!options_.keep_order && batches() > 1) {
    order_ =
        ShuffledRows(network_.spec().seed, progress_.first_step + progress_.epoch, *rows_.training);
  }
  feed_.Begin(order_ != nullptr ? *order_ : *rows_.training,
              std::min(progress_.batch * batch_size_, training_rows()));
  order_epoch_ = progress_.epoch;
  epoch_start_ = Clock::now();
  epoch_rows_ = 0;
}

int64_t Trainer::Impl::NextBatchRows() const {
  return std::min(batch_size_, training_rows() - progress_.batch * batch_size_);
}

absl::Status Trainer::Impl::RunBatch() {
  progress_.learning_rate =
      options_.learning_rate.value_or(ScheduledLearningRate(network_.spec().optimizer, step_));
  return InOneGradient() ? UpdateAtOnce() : UpdateInParts();
}

// Clipping, penalties and other workers need the gradient as a whole.
bool Trainer::Impl::InOneGradient() const {
  return optimizer_.needs_norm() || batch_gradient_->has_penalties() || !sync_.alone();
}

// The next parameters are written beside the current ones, which the other layers' gradients
// need; the next optimizer state over the current one, unless that was shared.
UpdateBlocks Trainer::Impl::Blocks() {
  overwrites_ = optimizer_state_.in_place() && !optimizer_state_.current().empty();
  return {.parameters = parameters_.current(),
          .gradient = gradient_.span(),
          .state = optimizer_state_.current(),
          .new_parameters = parameters_.next(),
          .new_state = optimizer_state_.next()};
}

absl::Status Trainer::Impl::UpdateAtOnce() {
  const absl::StatusOr<BatchLoss> batch = batch_gradient_->Compute(
      &feed_, NextBatchRows(), parameters_.current(), step_, gradient_.span());
  if (!batch.ok()) return batch.status();
  if (!std::isfinite(batch->loss_sum + batch->penalty)) return Diverge("the loss");
  if (absl::Status status = sync_.Combine(batch->weight_sum, gradient_.span()); !status.ok()) {
    return status;
  }
  const Optimizer::WholeStep step =
      optimizer_.Step(executor_, progress_.learning_rate, optimizer_steps_ + 1, Blocks());
  progress_.gradient_norm = step.norm;
  if (step.fault != nullptr) return Diverge(step.fault);
  Commit(*batch);
  return absl::OkStatus();
}

// Each part of the gradient is used while it is warm. One that is not finite shows in
// the new parameters, for nothing is clipped.
absl::Status Trainer::Impl::UpdateInParts() {
  const UpdateBlocks blocks = Blocks();
  const UpdateRule rule = optimizer_.Rule(progress_.learning_rate, optimizer_steps_ + 1);
  const bool last = progress_.batch + 1 == batches();  // the epoch's report has its norm
  std::atomic<bool> finite = true;
  norm_.Begin();
  const auto update = [&](int64_t first, std::span<const float> part) {
    if (last) norm_.Add(first, part);
    if (optimizer_.UpdatePart(rule, first, part, blocks)) return;
    finite.store(false, std::memory_order_relaxed);
  };
  const absl::StatusOr<BatchLoss> batch = batch_gradient_->ComputeInParts(
      &feed_, NextBatchRows(), parameters_.current(), step_, gradient_.span(), update);
  if (!batch.ok()) return batch.status();
  if (!std::isfinite(batch->loss_sum)) return Diverge("the loss");
  if (!finite.load(std::memory_order_relaxed)) return Diverge("a gradient or a new parameter");
  if (last) progress_.gradient_norm = norm_.Norm();
  Commit(*batch);
  return absl::OkStatus();
}

void Trainer::Impl::Commit(const BatchLoss& batch) {
  overwrites_ = false;
  parameters_.Swap();
  optimizer_state_.Swap();
  kept_normalization_ = normalization_;
  ++step_;
  ++optimizer_steps_;
  epoch_rows_ += NextBatchRows();
  progress_.loss_sum += batch.loss_sum;
  progress_.weight_sum += batch.weight_sum;
  ++progress_.batch;
  ++progress_.result.steps_taken;
  const BatchLoss epoch = {.loss_sum = progress_.loss_sum, .weight_sum = progress_.weight_sum};
  progress_.result.loss = epoch.loss();
}

absl::Status Trainer::Impl::EndEpoch() {
  EpochReport report;
  report.epoch = progress_.epoch + 1;
  report.loss = progress_.result.loss;
  report.learning_rate = progress_.learning_rate;
  report.gradient_norm = progress_.gradient_norm;
  report.model_step = step_;
  const double seconds = absl::ToDoubleSeconds(SinceThen(epoch_start_));
  if (seconds > 0) report.rows_per_second = static_cast<double>(epoch_rows_) / seconds;
  if (absl::Status status = Validate(&report); !status.ok()) return status;
  AddReport(std::move(report), &progress_.result);
  ++progress_.epoch;
  progress_.batch = 0;
  progress_.loss_sum = 0;
  progress_.weight_sum = 0;
  WatchForBest(progress_.result.epochs.back());
  if (progress_.epoch >= options_.epochs) {
    Finish(StopReason::kCompleted);
  } else if (OutOfPatience()) {
    Finish(StopReason::kEarlyStopped);
  }
  return absl::OkStatus();
}

absl::Status Trainer::Impl::Validate(EpochReport* report) {
  if (validation_ == nullptr && rows_.validation->size() == 0) return absl::OkStatus();
  const Predictor predictor(network_, parameters_.current(), *normalization_);
  const AllRows all(validation_ != nullptr ? validation_->rows() : 0);
  absl::StatusOr<Evaluation> evaluation = EvaluateRows(
      network_, predictor, *normalization_, validation_ != nullptr ? *validation_ : examples_,
      validation_ != nullptr ? all : *rows_.validation, kThreshold, executor_, cancellation_);
  if (!evaluation.ok()) return evaluation.status();
  if (evaluation->weight_sum == 0) return absl::OkStatus();
  report->validation_loss = evaluation->loss;
  report->validation_metrics = std::move(evaluation->metrics);
  return absl::OkStatus();
}

void Trainer::Impl::Remember() {
  shared_.Set({.parameters = parameters_.Share(),
               .optimizer = optimizer_state_.Share(),
               .normalization = kept_normalization_,
               .step = step_,
               .optimizer_steps = optimizer_steps_},
              &progress_);
}

// What it takes while steps follow one another; the state that was shared last is others' too.
int64_t Trainer::Impl::memory_bytes() const {
  int64_t bytes = parameters_.bytes() + optimizer_state_.bytes();
  if (batch_gradient_) bytes += batch_gradient_->memory_bytes();
  if (batch_gradient_ && (InOneGradient() || batch_size_ > kMaxBlockRows)) {
    bytes += static_cast<int64_t>(gradient_.size() * sizeof(float));  // else hardly touched
  }
  const std::optional<ModelState>& best = progress_.best_state;
  if (best && best->parameters != shared_.state().parameters) {
    bytes +=
        static_cast<int64_t>((best->parameters->size() + best->optimizer->size()) * sizeof(float));
  }
  return bytes;
}

ModelState Trainer::Impl::Share() {
  Remember();
  return shared_.state();
}

Trainer::Trainer(const Network& network, const Examples& examples, const Examples* validation,
                 TrainOptions options, ModelState state, const Executor& executor,
                 const Cancellation& cancellation, std::optional<TrainProgress> progress)
    : impl_(std::make_unique<Impl>(network, examples, validation, std::move(options),
                                   std::move(state), executor, cancellation, std::move(progress))) {
}

Trainer::~Trainer() = default;

bool Trainer::done() const { return impl_->done(); }
absl::Status Trainer::Step() { return impl_->Step(); }
void Trainer::Interrupt() { impl_->Interrupt(); }
ModelState Trainer::Share() { return impl_->Share(); }
int64_t Trainer::step() const { return impl_->step(); }
int64_t Trainer::memory_bytes() const { return impl_->memory_bytes(); }
const TrainResult& Trainer::result() const { return impl_->progress().result; }
const TrainProgress& Trainer::progress() const { return impl_->progress(); }

}  // namespace chainrule::engine
