#include "server/models/recoverer.h"

#include <memory>
#include <utility>

#include "absl/time/clock.h"
#include "server/models/record.h"

namespace chainrule::server {

using engine::MutexLock;

Recoverer::Recoverer(Keeper* keeper, ModelMap* models, absl::Duration retry_interval)
    : keeper_(keeper), models_(models), retry_interval_(retry_interval) {
  keeper_->failure().Set([this] {
    const absl::Status why = keeper_->status();
    {
      MutexLock lock(&mutex_);
      failed_ = work_ = true;
      if (log_fault_.ok()) log_fault_ = why;
    }
    changed_.NotifyAll();
    TellStorage();
  });
}

Recoverer::~Recoverer() {
  Stop();
  keeper_->failure().Set(nullptr);
}

absl::Status Recoverer::Start() {
  Contents contents;
  const absl::Status opened = OpenLog(&contents);
  const bool readable = absl::IsUnavailable(opened) && contents.found.complete;
  if (!opened.ok() && !readable) return opened;
  TellFound(contents.found);
  for (const std::shared_ptr<Model>& model : models_->All()) {
    model->Recover(std::move(contents.tails[model->uid()]), contents.found.damage);
    if (model->has_tail()) models_->Tell(model->id(), model->uid(), ModelHealth::kNotServing);
  }
  {
    MutexLock lock(&mutex_);
    work_ = true;
    failed_ = !opened.ok();
    log_fault_ = opened;
  }
  TellStorage();
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

void Recoverer::SetStorageListener(std::function<void(const absl::Status& storage)> listener) {
  MutexLock lock(&tell_mutex_);
  storage_listener_ = std::move(listener);
}

void Recoverer::StoreFailed(const absl::Status& why) {
  {
    MutexLock lock(&mutex_);
    if (!store_fault_.ok()) return;
    store_fault_ = why;
    work_ = true;
  }
  changed_.NotifyAll();
  TellStorage();
}

void Recoverer::TellStorage() {
  MutexLock order(&tell_mutex_);
  absl::Status fault;
  {
    MutexLock lock(&mutex_);
    fault = log_fault_.ok() ? store_fault_ : log_fault_;
  }
  if (fault.ok() == told_works_) return;
  told_works_ = fault.ok();
  if (storage_listener_) storage_listener_(fault);
}

void Recoverer::WaitUntilIdle() {
  MutexLock lock(&mutex_);
  while (work_ && !stopping_) changed_.Wait(&mutex_);
}

absl::Status Recoverer::OpenLog(Contents* contents) {
  const auto visit = [&](const LogRecord& record) {
    RecordKey key = record.key;
    if (key.owner.empty()) {  // of format 1
      absl::StatusOr<RecordHeader> header = DecodeRecordHeader(record.payload);
      if (!header.ok()) return header.status();
      key = {std::move(header->uid), header->number, header->last_step};
    }
    contents->tails[key.owner].push_back({record.sequence, record.place, key.step});
    return absl::OkStatus();
  };
  return keeper_->OpenLog(visit, &contents->found);
}

void Recoverer::TellFound(const LogFindings& found) {
  for (const LogDamage& damage : found.damage) keeper_->damage().Tell(damage.what);
  if (!found.torn_tail.empty()) keeper_->torn_tail().Tell(found.torn_tail);
}

void Recoverer::Loop() {
  while (WaitForWork()) {
    const bool log_works = !failed() || Reopen();
    // Reading goes on where writing does not.
    const bool replayed = log_works && ReplayTails();
    if (ProbeStore() && replayed) {
      MutexLock lock(&mutex_);
      if (!failed_ && store_fault_.ok()) work_ = false;
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
  Contents contents;
  if (absl::Status opened = OpenLog(&contents); !opened.ok()) {
    MutexLock lock(&mutex_);
    failed_ = true;
    return false;
  }
  TellFound(contents.found);
  for (const std::shared_ptr<Model>& model : models_->All()) {
    model->Recover(std::move(contents.tails[model->uid()]), contents.found.damage);
  }
  {
    MutexLock lock(&mutex_);
    if (!failed_) log_fault_ = absl::OkStatus();
  }
  TellStorage();
  return true;
}

// Returns whether the store beside the log works, as far as can be told.
bool Recoverer::ProbeStore() {
  {
    MutexLock lock(&mutex_);
    if (store_fault_.ok()) return true;
  }
  if (!keeper_->store()->Probe().ok()) return false;
  {
    MutexLock lock(&mutex_);
    store_fault_ = absl::OkStatus();
  }
  TellStorage();
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
