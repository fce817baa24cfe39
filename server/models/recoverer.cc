#include "server/models/recoverer.h"

#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "server/models/record.h"

namespace chainrule::server {

using engine::MutexLock;

Recoverer::Recoverer(Keeper* keeper, ModelMap* models, absl::Duration retry_interval)
    : keeper_(keeper), models_(models), retry_interval_(retry_interval) {
  keeper_->SetFailureListener([this] {
    {
      MutexLock lock(&mutex_);
      failed_ = work_ = true;
    }
    changed_.NotifyAll();
    TellStorage(false);
  });
}

Recoverer::~Recoverer() {
  Stop();
  keeper_->SetFailureListener(nullptr);
}

absl::Status Recoverer::Start() {
  absl::StatusOr<Tails> tails = OpenLog();
  if (!tails.ok()) return tails.status();
  for (const std::shared_ptr<Model>& model : models_->All()) {
    const auto found = tails->find(model->uid());
    if (found == tails->end()) continue;
    model->Recover(std::move(found->second));
    if (model->has_tail()) models_->Tell(model->id(), model->uid(), ModelHealth::kNotServing);
  }
  {
    MutexLock lock(&mutex_);
    work_ = true;
  }
  thread_ = std::thread(&Recoverer::Loop, this);
  return absl::OkStatus();
}

void Recoverer::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Recoverer::SetStorageListener(std::function<void(bool works)> listener) {
  MutexLock lock(&mutex_);
  storage_listener_ = std::move(listener);
}

void Recoverer::TellStorage(bool works) {
  std::function<void(bool)> listener;
  {
    MutexLock lock(&mutex_);
    listener = storage_listener_;
  }
  if (listener) listener(works);
}

void Recoverer::WaitUntilIdle() {
  MutexLock lock(&mutex_);
  while (work_ && !stopping_) changed_.Wait(&mutex_);
}

absl::StatusOr<Recoverer::Tails> Recoverer::OpenLog() {
  Tails tails;
  const absl::Status status = keeper_->OpenLog([&](uint64_t sequence, absl::string_view payload) {
    const absl::StatusOr<RecordHeader> header = DecodeRecordHeader(payload);
    if (!header.ok()) return header.status();
    tails[header->uid].push_back({sequence, std::string(payload)});
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return tails;
}

void Recoverer::Loop() {
  while (WaitForWork()) {
    if ((!failed() || Reopen()) && ReplayTails()) {
      MutexLock lock(&mutex_);
      if (!failed_) work_ = false;
      changed_.NotifyAll();
    } else {
      Pause();
    }
  }
}

bool Recoverer::failed() {
  MutexLock lock(&mutex_);
  return failed_;
}

// Returns false when the thread should end.
bool Recoverer::WaitForWork() {
  MutexLock lock(&mutex_);
  while (!work_ && !stopping_) changed_.Wait(&mutex_);
  return !stopping_;
}

void Recoverer::Pause() {
  const absl::Time end = absl::Now() + retry_interval_;
  MutexLock lock(&mutex_);
  while (!stopping_ && absl::Now() < end) changed_.WaitFor(&mutex_, end - absl::Now());
}

// Returns whether the log works again. Models that lost nothing go on with what they have.
bool Recoverer::Reopen() {
  {
    MutexLock lock(&mutex_);
    failed_ = false;
  }
  absl::StatusOr<Tails> tails = OpenLog();
  if (!tails.ok()) {
    MutexLock lock(&mutex_);
    failed_ = true;
    return false;
  }
  for (const std::shared_ptr<Model>& model : models_->All()) {
    model->Recover(std::move((*tails)[model->uid()]));
  }
  TellStorage(true);
  return true;
}

// Returns whether none is left.
bool Recoverer::ReplayTails() {
  bool all = true;
  for (const std::shared_ptr<Model>& model : models_->All()) {
    if (!model->needs_replay()) continue;
    {
      MutexLock lock(&mutex_);
      if (stopping_) return false;
    }
    const absl::Status status = model->Replay();
    all = all && (status.ok() || status.code() == absl::StatusCode::kDataLoss);
  }
  return all;
}

}  // namespace chainrule::server
