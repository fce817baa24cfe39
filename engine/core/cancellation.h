// Cancellation: why work that is under way should end, polled between
// mini-batches.  One a call; the call's owner sets it, the compute thread reads.
// Thread-safe.
#ifndef CHAINRULE_ENGINE_CORE_CANCELLATION_H_
#define CHAINRULE_ENGINE_CORE_CANCELLATION_H_

#include <atomic>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace chainrule::engine {

class Cancellation {
 public:
  Cancellation() = default;
  explicit Cancellation(absl::Time deadline) : deadline_(deadline) {}
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // The first reason given is the one kept.
  void Cancel(absl::StatusCode reason = absl::StatusCode::kCancelled);
  // OK while work may go on; else CANCELLED, ABORTED (the model was deleted),
  // UNAVAILABLE (the server stops) or DEADLINE_EXCEEDED.
  absl::Status Check() const;

 private:
  const absl::Time deadline_ = absl::InfiniteFuture();
  std::atomic<absl::StatusCode> reason_{absl::StatusCode::kOk};
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_CANCELLATION_H_
