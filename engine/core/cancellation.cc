#include "engine/core/cancellation.h"

#include "absl/time/clock.h"

namespace chainrule::engine {

void Cancellation::Cancel(absl::StatusCode reason) {
  absl::StatusCode none = absl::StatusCode::kOk;
  reason_.compare_exchange_strong(none, reason, std::memory_order_acq_rel);
}

absl::Status Cancellation::Check() const {
  switch (const absl::StatusCode reason = reason_.load(std::memory_order_acquire)) {
    case absl::StatusCode::kOk:
      break;
    case absl::StatusCode::kAborted:
      return absl::AbortedError("the model was deleted while the call was under way");
    case absl::StatusCode::kUnavailable:
      return absl::UnavailableError("the server is stopping");
    default:
      return absl::Status(reason, "the call was cancelled");
  }
  if (absl::Now() >= deadline_) return absl::DeadlineExceededError("the deadline has passed");
  return absl::OkStatus();
}

}  // namespace chainrule::engine
