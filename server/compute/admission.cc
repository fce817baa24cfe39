#include "server/compute/admission.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/core/error.h"

namespace chainrule::server {
namespace {

// About the time that a queue of small calls takes to move on.
constexpr absl::Duration kRetryAfter = absl::Milliseconds(100);

// Calls beyond those that wait or run: their request has not come, or their answer is not read.
// Each takes some 20 KiB, most of it gRPC's.
constexpr int64_t kMostOutside = 10'000;

// Probes and watches at once: each takes as much.
constexpr int64_t kMostProbes = 1'000;

// Adds `amount` unless the sum would exceed `maximum`.
bool Take(std::atomic<int64_t>* sum, int64_t amount, int64_t maximum) {
  int64_t current = sum->load(std::memory_order_relaxed);
  do {
    if (amount > maximum - current) return false;
  } while (!sum->compare_exchange_weak(current, current + amount, std::memory_order_relaxed));
  return true;
}

absl::Status Overloaded(absl::string_view what, absl::string_view limit, int64_t maximum) {
  engine::ErrorDetail detail;
  detail.reason = "OVERLOADED";
  detail.metadata = {{"limit", std::string(limit)}, {"maximum", absl::StrCat(maximum)}};
  detail.retry_after = kRetryAfter;
  return engine::MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("too many ", what, " wait or run: ", limit, " is ", maximum), detail);
}

absl::Status TooManyCalls(int64_t maximum) {
  return Overloaded("calls", "max_queued_calls", maximum);
}

absl::Status TooManyBytes(int64_t maximum) {
  return Overloaded("bytes of requests", "max_queued_bytes", maximum);
}

}  // namespace

Admission::Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), bytes_(other.bytes_) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  std::swap(admission_, other.admission_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Admission::Ticket::~Ticket() {
  if (admission_ == nullptr) return;
  admission_->bytes_.fetch_sub(bytes_, std::memory_order_relaxed);
  admission_->calls_.fetch_sub(1, std::memory_order_relaxed);
}

absl::Status Admission::Ticket::Grow(int64_t bytes) {
  if (absl::Status status = admission_->TakeBytes(bytes, bytes_); !status.ok()) return status;
  bytes_ += bytes;
  return absl::OkStatus();
}

void Admission::Ticket::Shrink(int64_t bytes) {
  admission_->bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  bytes_ -= bytes;
}

Admission::Admission(int64_t max_calls, int64_t max_bytes)
    : max_calls_(max_calls), max_bytes_(max_bytes) {}

absl::Status Admission::CheckRoom() const {
  if (present() > max_calls_ + kMostOutside) return TooManyCalls(max_calls_);
  if (calls() >= max_calls_) return TooManyCalls(max_calls_);
  if (bytes() >= max_bytes_) return TooManyBytes(max_bytes_);
  return absl::OkStatus();
}

absl::Status Admission::CheckProbeRoom() const {
  if (probes_.load(std::memory_order_relaxed) <= kMostProbes) return absl::OkStatus();
  return Overloaded("probes and watches", "max_probes", kMostProbes);
}

absl::StatusOr<Admission::Ticket> Admission::Enter(int64_t bytes) {
  if (!Take(&calls_, 1, max_calls_)) return TooManyCalls(max_calls_);
  Ticket ticket(this, 0);
  if (absl::Status status = ticket.Grow(bytes); !status.ok()) return status;
  return ticket;
}

absl::Status Admission::TakeBytes(int64_t bytes, int64_t held) {
  // No wait makes room for one call that is larger than all of it.
  if (bytes > max_bytes_ - held) {
    return engine::LimitExceeded("request", "max_queued_bytes", held + bytes, max_bytes_);
  }
  if (Take(&bytes_, bytes, max_bytes_)) return absl::OkStatus();
  return TooManyBytes(max_bytes_);
}

}  // namespace chainrule::server
