#include "server/models/lifecycle_window.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/models/description_codec.h"

namespace chainrule::server {

using engine::MutexLock;

LifecycleWindow::LifecycleWindow(const Limits& limits)
    : limits_(limits), window_(limits.request_id_count, limits.request_id_age) {
  window_.SetListener([this](const std::string& id)
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { forgotten_.push_back(id); });
}

// An older server did not store until when it forgot: what their number forced out was
// stored before the oldest that is left, and what their age did before now less that age.
absl::Status LifecycleWindow::Restore(const StoredRequests& stored) {
  MutexLock lock(&mutex_);
  window_.ForgetUntil(stored.forgotten_until);
  window_.ForgetUntil(absl::Now() - limits_.request_id_age);
  if (static_cast<int64_t>(stored.requests.size()) >= limits_.request_id_count) {
    window_.ForgetUntil(stored.requests.front().time);
  }
  for (const StoredRequest& request : stored.requests) {
    absl::StatusOr<LifecycleOutcome> outcome = DecodeLifecycle(request.outcome);
    if (!outcome.ok()) return outcome.status();
    window_.Store(request.id, request.digest, *std::move(outcome), request.time);
  }
  return absl::OkStatus();
}

absl::StatusOr<LifecycleWindow::Result> LifecycleWindow::Once(Lifecycle kind,
                                                              LifecycleRequest request,
                                                              Change change) {
  request.digest[0] ^= static_cast<uint64_t>(kind);  // an id is of one kind of call
  const bool named = !request.id.empty();
  if (named) {
    MutexLock lock(&mutex_);
    const absl::StatusOr<LifecycleOutcome*> seen = Enter(request);
    if (!seen.ok()) return seen.status();
    if (*seen != nullptr) return Result{**seen, true};
  }
  const absl::Time time = absl::Now();
  const auto stamp = [&](const LifecycleOutcome& outcome, StoreChange* store_change) {
    if (named) Put(request, time, outcome, store_change);
  };
  absl::StatusOr<LifecycleOutcome> outcome = change(stamp);
  if (named) Leave(request, time, outcome);
  if (!outcome.ok()) return outcome.status();
  return Result{*std::move(outcome), false};
}

absl::StatusOr<LifecycleOutcome*> LifecycleWindow::Enter(const LifecycleRequest& request) {
  while (under_way_.contains(request.id)) left_.Wait(&mutex_);
  auto seen = window_.Find(request.id, request.digest, absl::Now());
  if (seen.ok() && *seen == nullptr) under_way_.insert(request.id);
  return seen;
}

void LifecycleWindow::Leave(const LifecycleRequest& request, absl::Time time,
                            const absl::StatusOr<LifecycleOutcome>& outcome) {
  MutexLock lock(&mutex_);
  under_way_.erase(request.id);
  if (outcome.ok()) window_.Store(request.id, request.digest, *outcome, time);
  left_.NotifyAll();
}

void LifecycleWindow::Put(const LifecycleRequest& request, absl::Time time,
                          const LifecycleOutcome& outcome, StoreChange* change) {
  change->put_request = {request.id, request.digest, time, EncodeLifecycle(outcome)};
  MutexLock lock(&mutex_);
  change->remove_requests = std::exchange(forgotten_, {});
  if (window_.forgotten_until() > absl::InfinitePast()) {
    change->requests_forgotten_until = window_.forgotten_until();
  }
}

}  // namespace chainrule::server
