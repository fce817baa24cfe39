#include "server/models/checkpointer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"

namespace chainrule::server {

using engine::MutexLock;

Checkpointer::Checkpointer(Keeper* keeper, ModelMap* models, Options options)
    : keeper_(keeper), models_(models), options_(std::move(options)) {}

Checkpointer::~Checkpointer() { Stop(); }

void Checkpointer::Start() {
  bytes_after_last_ = 0;  // what was left by an earlier life is to be covered, too
  last_ = absl::Now();
  thread_ = std::thread(&Checkpointer::Loop, this);
}

void Checkpointer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

bool Checkpointer::Wait() {
  const absl::Time end = absl::Now() + options_.look;
  MutexLock lock(&mutex_);
  while (!stopping_ && absl::Now() < end) changed_.WaitFor(&mutex_, end - absl::Now());
  return !stopping_;
}

bool Checkpointer::IsDue() {
  if (!keeper_->status().ok()) return false;
  return keeper_->log_bytes() - bytes_after_last_ >= options_.log_bytes ||
         absl::Now() - last_ >= options_.interval;
}

// What fails is tried again at the next time.
void Checkpointer::Loop() {
  while (Wait()) {
    if (!IsDue()) continue;
    if (AnyUncovered()) WriteAll().IgnoreError();
    bytes_after_last_ = keeper_->log_bytes();
    last_ = absl::Now();
  }
}

bool Checkpointer::AnyUncovered() {
  for (const std::shared_ptr<Model>& model : models_->All()) {
    if (model->first_uncovered().has_value() && model->damage().ok()) return true;
  }
  return false;
}

bool Checkpointer::AnyNeeded() {
  for (const std::shared_ptr<Model>& model : models_->All()) {
    if (model->needed().has_value()) return true;
  }
  return false;
}

// The segment that was written to so far holds nothing but what the checkpoints hold, once
// they are written, so it can go with them.
absl::Status Checkpointer::WriteAll() {
  absl::Status result = keeper_->Rotate().status();
  if (!result.ok()) return result;
  for (const std::shared_ptr<Model>& model : models_->All()) {
    result.Update(model->WriteCheckpoint());
  }
  result.Update(Trim());
  return result;
}

absl::Status Checkpointer::Trim() {
  // Read before the models are asked: what is appended meanwhile is above it.
  const uint64_t end = keeper_->synced() + 1;
  uint64_t first_needed = end;
  std::vector<SequenceRange> kept;  // of models that are damaged, until their owners decide
  for (const std::shared_ptr<Model>& model : models_->All()) {
    const std::optional<SequenceRange> needed = model->needed();
    if (!needed.has_value()) continue;
    if (needed->last < end) {
      kept.push_back(*needed);
    } else {
      first_needed = std::min(first_needed, needed->first);
    }
  }
  return keeper_->RemoveBefore(first_needed, kept);
}

absl::Status Checkpointer::EmptyLog() {
  absl::Status result;
  for (const std::shared_ptr<Model>& model : models_->All()) {
    if (model->has_tail()) result.Update(model->Replay());
  }
  result.Update(WriteAll());
  if (result.ok() && AnyNeeded()) {
    return absl::DataLossError("the log has records of models that are damaged");
  }
  return result;
}

}  // namespace chainrule::server
