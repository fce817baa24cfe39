// Admission: how many calls, and bytes of their requests and of answers that were not read,
// may wait or run at once; how many may be here without having sent anything; and how many
// probes and watches, which are let in though all else is full.
// Thread-safe; a ticket gives its share back when it is destroyed.
#ifndef CHAINRULE_SERVER_COMPUTE_ADMISSION_H_
#define CHAINRULE_SERVER_COMPUTE_ADMISSION_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"

namespace chainrule::server {

class Admission {
 public:
  // Thread-compatible; movable. The admission outlives it.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();
    // Takes `bytes` more for the same call. Fails as Enter.
    absl::Status Grow(int64_t bytes);
    // Gives `bytes` of them back.
    void Shrink(int64_t bytes);

   private:
    friend class Admission;
    Ticket(Admission* admission, int64_t bytes) : admission_(admission), bytes_(bytes) {}
    Admission* admission_ = nullptr;
    int64_t bytes_ = 0;
  };

  // A call that is here, let in or not. Thread-compatible; the admission outlives it.
  class Presence {
   public:
    enum class Kind : uint8_t { kCall, kProbe };
    explicit Presence(Admission* admission, Kind kind = Kind::kCall)
        : present_(kind == Kind::kCall ? admission->present_ : admission->probes_) {
      present_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Presence() { present_.fetch_sub(1, std::memory_order_relaxed); }
    Presence(const Presence&) = delete;
    Presence& operator=(const Presence&) = delete;

   private:
    std::atomic<int64_t>& present_;
  };

  // Bytes of an answer until it has left, however slowly it is read. They are counted though
  // there be no room: what comes then is refused. Thread-compatible; movable; the admission
  // outlives it.
  class Answer {
   public:
    Answer() = default;
    Answer(Admission* admission, int64_t bytes) : sum_(&admission->bytes_), bytes_(bytes) {
      sum_->fetch_add(bytes_, std::memory_order_relaxed);
    }
    ~Answer() {
      if (sum_ != nullptr) sum_->fetch_sub(bytes_, std::memory_order_relaxed);
    }
    Answer(Answer&& other) noexcept
        : sum_(std::exchange(other.sum_, nullptr)), bytes_(other.bytes_) {}
    Answer& operator=(Answer&& other) noexcept {
      std::swap(sum_, other.sum_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }

   private:
    std::atomic<int64_t>* sum_ = nullptr;
    int64_t bytes_ = 0;
  };

  Admission(int64_t max_calls, int64_t max_bytes);
  // What Enter would say to a call now, whose bytes have not come yet.
  absl::Status CheckRoom() const;
  // The same of a probe or watch, whose presence counts already.
  absl::Status CheckProbeRoom() const;
  // RESOURCE_EXHAUSTED, OVERLOADED, with a time to retry after: it is full.
  // INVALID_ARGUMENT, LIMIT_EXCEEDED: one call is larger than all there is.
  absl::StatusOr<Ticket> Enter(int64_t bytes);
  int64_t present() const { return present_.load(std::memory_order_relaxed); }
  int64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // For a call that holds `held` bytes.
  absl::Status TakeBytes(int64_t bytes, int64_t held);

  const int64_t max_calls_;
  const int64_t max_bytes_;
  std::atomic<int64_t> present_{0};
  std::atomic<int64_t> probes_{0};
  std::atomic<int64_t> calls_{0};
  std::atomic<int64_t> bytes_{0};
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_ADMISSION_H_
