#include "server/models/unloader.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace chainrule::server {

using engine::MutexLock;

namespace {

// Between two looks, however fast numbers come to memory.
constexpr absl::Duration kPause = absl::Milliseconds(10);
// Models are asked for in pages, so that nobody who looks one up waits for long.
constexpr size_t kPage = 256;
// From so many bytes on.
constexpr int64_t kWorthGivingBack = int64_t{1} << 20;

// Calls visit(model) for each.
template <typename Visit>
void ForModels(const ModelMap& models, const Visit& visit) {
  std::string after;
  while (true) {
    const std::vector<std::shared_ptr<Model>> page = models.After(after, kPage);
    for (const std::shared_ptr<Model>& model : page) visit(model);
    if (page.size() < kPage) return;
    after = page.back()->id();
  }
}

}  // namespace

Unloader::Unloader(ModelMap* models, Options options)
    : models_(models), options_(std::move(options)) {}

Unloader::~Unloader() { Stop(); }

void Unloader::Start() { thread_ = std::thread(&Unloader::Loop, this); }

void Unloader::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Unloader::Wake() {
  {
    MutexLock lock(&mutex_);
    woken_ = true;
  }
  changed_.NotifyAll();
}

void Unloader::Freed(int64_t bytes) {
  {
    MutexLock lock(&mutex_);
    freed_bytes_ += bytes;
  }
  Wake();
}

void Unloader::Loop() {
  while (Wait()) {
    KeepBudget();
    if (!Pause()) return;
    GiveBack();
  }
}

// malloc keeps what is freed for later, and its blocks are not those of others: asked for, it
// gives whole pages back.
void Unloader::GiveBack() {
  {
    MutexLock lock(&mutex_);
    if (freed_bytes_ < kWorthGivingBack) return;
    freed_bytes_ = 0;
  }
  malloc_trim(0);
}

bool Unloader::Wait() {
  const absl::Time end = absl::Now() + options_.look;
  MutexLock lock(&mutex_);
  while (!stopping_ && !woken_ && absl::Now() < end) {
    changed_.WaitFor(&mutex_, std::min(end - absl::Now(), absl::Hours(1)));
  }
  woken_ = false;
  return !stopping_;
}

bool Unloader::Pause() {
  const absl::Time end = absl::Now() + kPause;
  MutexLock lock(&mutex_);
  while (!stopping_ && absl::Now() < end) changed_.WaitFor(&mutex_, end - absl::Now());
  return !stopping_;
}

std::vector<Unloader::Candidate> Unloader::Candidates() const {
  std::vector<Candidate> candidates;
  ForModels(*models_, [&](const std::shared_ptr<Model>& model) {
    for (const Model::Resident& resident : model->Residents()) {
      candidates.push_back({model, resident});
    }
  });
  return candidates;
}

void Unloader::KeepBudget() {
  MutexLock alone(&unloads_mutex_);
  std::vector<Candidate> candidates = Candidates();
  int64_t bytes = 0;
  for (const Candidate& candidate : candidates) bytes += candidate.resident.bytes;
  if (bytes <= options_.budget_bytes) return;
  std::ranges::sort(candidates, {}, [](const Candidate& each) { return each.resident.last_use; });
  candidates.pop_back();
  int64_t left = 0;
  for (const auto& [model, resident] : candidates) {
    if (bytes - left <= options_.budget_bytes) break;
    if (model->Unload(resident.version)) left += resident.bytes;
  }
  MutexLock lock(&mutex_);
  freed_bytes_ += left;
}

Unloader::Usage Unloader::usage() const {
  Usage usage;
  ForModels(*models_, [&](const std::shared_ptr<Model>& model) {
    for (const Model::Resident& resident : model->Residents()) {
      usage.bytes += resident.bytes;
      usage.models += resident.version == 0 ? 1 : 0;
    }
  });
  return usage;
}

}  // namespace chainrule::server
