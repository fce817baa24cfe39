#include "server/compute/batcher.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "server/compute/batcher_impl.h"

namespace chainrule::server {

using engine::MutexLock;

namespace {

// For a call that no numbers were found for.
std::shared_ptr<const Snapshot> SettingsAlone(const Model& model) {
  absl::StatusOr<std::shared_ptr<const ModelSettings>> settings = model.settings();
  if (!settings.ok()) settings = std::make_shared<const ModelSettings>();
  return std::make_shared<const Snapshot>(*std::move(settings), nullptr, engine::ModelState());
}

}  // namespace

Batcher::Impl::Impl(const Options& options, const engine::Executor* executor)
    : options_(options), executor_(executor) {
  for (int i = 0; i < options.workers; ++i) threads_.emplace_back([this] { Loop(); });
}

Batcher::Impl::~Impl() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
  MutexLock lock(&mutex_);  // who waited for a read may have gone before it ended
  while (loads_ > 0) changed_.Wait(&mutex_);
}

void Batcher::Impl::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
}

bool Batcher::Impl::IsStopping() {
  MutexLock lock(&mutex_);
  return stopping_;
}

void Batcher::Impl::Predict(PredictCall call) {
  if (call.pinned != nullptr) return Queue(std::move(call));
  if (call.version == 0) call.seen = call.model->snapshot();
  if (call.seen != nullptr) return Queue(std::move(call));
  WaitForNumbers(std::move(call));
}

// Predictions with other models do not wait for this one's disk.
void Batcher::Impl::WaitForNumbers(PredictCall call) {
  const Cold cold(call.model, call.version);
  {
    MutexLock lock(&mutex_);
    const auto [waiting, is_first] = cold_.try_emplace(cold);
    waiting->second.push_back(std::move(call));
    if (!is_first) return;
    ++loads_;
    changed_.NotifyAll();  // somebody is to look at them
  }
  if (!options_.loader) return Load(cold);
  options_.loader([this, cold] { Load(cold); });
}

void Batcher::Impl::Load(const Cold& cold) {
  const auto& [model, version] = cold;
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
      version > 0 ? model->LoadVersion(version) : model->Load();
  std::vector<PredictCall> calls;
  {
    MutexLock lock(&mutex_);
    calls = std::move(cold_.extract(cold).mapped());
  }
  for (PredictCall& call : calls) {
    if (snapshot.ok()) {
      (version > 0 ? call.pinned : call.seen) = *snapshot;
      Queue(std::move(call));
    } else {
      CountFailed(call);
      call.done(snapshot.status(), *SettingsAlone(*model));
    }
  }
  MutexLock lock(&mutex_);
  --loads_;
  changed_.NotifyAll();
}

void Batcher::Impl::Queue(PredictCall call) {
  Here::Impl* const here = Here::Impl::OfThisThread();
  if (here != nullptr && here->Takes(*this, call)) return here->Add(std::move(call));
  // The node is made before the lock is taken; within it calls only change lists, and wake:
  // once it is given back the call may be answered, and the batcher gone with the last one.
  Batch one;
  one.emplace_back(std::move(call));
  {
    MutexLock lock(&mutex_);
    if (!stopping_) queue_.splice(queue_.end(), one);
    changed_.NotifyOne();
  }
  if (!one.empty()) Refuse(&one);
}

void Batcher::Impl::FailWaiting() {
  Batch cancelled;
  {
    MutexLock lock(&mutex_);
    for (auto next = queue_.begin(); next != queue_.end();) {
      const auto current = next++;
      const engine::Cancellation* const cancellation = current->call.cancellation;
      if (cancellation == nullptr || cancellation->Check().ok()) continue;
      cancelled.splice(cancelled.end(), queue_, current);
    }
  }
  FailCancelled(&cancelled);
  FailCold();
}

void Batcher::Impl::FailCold() {
  std::vector<PredictCall> cancelled;
  {
    MutexLock lock(&mutex_);
    for (auto& [cold, calls] : cold_) {
      const auto stays = [](const PredictCall& call) { return CheckCancelled(call).ok(); };
      const auto first = std::stable_partition(calls.begin(), calls.end(), stays);
      std::move(first, calls.end(), std::back_inserter(cancelled));
      calls.erase(first, calls.end());
    }
  }
  for (PredictCall& call : cancelled) {
    CountFailed(call);
    call.done(CheckCancelled(call), *SettingsAlone(*call.model));
  }
}

void Batcher::Impl::WaitForCalls() {
  while (queue_.empty() && !stopping_) {
    if (cold_.empty()) {
      changed_.Wait(&mutex_);
    } else if (!changed_.WaitFor(&mutex_, options_.look)) {
      mutex_.Unlock();
      FailCold();
      mutex_.Lock();
    }
  }
}

void Batcher::Impl::Loop() {
  BatchRunner runner(executor_, [this] { FailWaiting(); });
  absl::Time looked = absl::Now();
  for (;;) {
    if (const absl::Time now = absl::Now(); now - looked >= options_.look) {
      FailWaiting();
      looked = now;
    }
    Batch batch;
    bool stopping = false;
    {
      MutexLock lock(&mutex_);
      WaitForCalls();
      if (queue_.empty()) return;
      batch = TakeBatch(options_, &queue_);
      stopping = stopping_;
    }
    if (stopping) {
      Refuse(&batch);
    } else {
      runner.Run(&batch);
    }
  }
}

Batcher::Batcher(const Options& options, const engine::Executor* executor)
    : impl_(std::make_unique<Impl>(options, executor)) {}

Batcher::~Batcher() = default;

void Batcher::Predict(PredictCall call) { impl_->Predict(std::move(call)); }

void Batcher::Stop() { impl_->Stop(); }

}  // namespace chainrule::server
