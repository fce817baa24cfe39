// WorkedStream: a stream whose messages are worked on by a worker, one after another, and
// that is completed there after the client's half-close. While a message is worked on, the
// next one may wait beside it and no more are read, so a slow worker, disk or reader slows
// the client down and costs bounded memory. It is ended by whom its phase says: as long as
// it is open by this class; once it was handed over and taken over, by who took it.
// Derived classes implement Work and Complete.
#ifndef CHAINRULE_SERVER_RPC_WORKED_STREAM_H_
#define CHAINRULE_SERVER_RPC_WORKED_STREAM_H_

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/compute/workers.h"
#include "server/models/errors.h"
#include "server/rpc/stream_call.h"

namespace chainrule::server {

template <typename Request, typename Response>
class WorkedStream : public StreamCall<Request, Response> {
 public:
  // `workers` is borrowed.
  WorkedStream(std::unique_ptr<Wire> wire, const Environment* environment, RpcMetrics* metrics,
               Workers* workers)
      : StreamCall<Request, Response>(std::move(wire), environment, metrics), workers_(workers) {}

  void EndForStop() override { OnRefused(Stopping()); }

 protected:
  using Message = std::shared_ptr<Request>;
  enum class Next { kEnd, kAgain, kHandedOver };  // of a message: kEnd, kAgain

  // On a worker, one at a time. A status that is not OK ends the stream. With kAgain it is
  // called with that message again, when what was sent has left, or mostly.
  virtual absl::StatusOr<Next> Work(Message message) = 0;
  // On a worker, after the last message: what ends the stream, or kAgain: Complete is
  // called once more when what was sent has left, or mostly; or kHandedOver: HandOver was
  // called, and the stream may be gone already.
  virtual absl::StatusOr<Next> Complete() = 0;

  // In Complete: from now on it waits for TakeOver, or is ended if the client is gone. False:
  // it is to end already; return kAgain.
  bool HandOver() {
    engine::MutexLock lock(&work_mutex_);
    if (why_.has_value()) return false;
    phase_ = Phase::kHandedOver;
    return true;
  }
  // The stream is the caller's, who will End it; unless it was ended before.
  bool TakeOver() {
    engine::MutexLock lock(&work_mutex_);
    if (phase_ != Phase::kHandedOver) return false;
    phase_ = Phase::kTaken;
    return true;
  }

  // In Work: the call holds that many bytes more, until its end; or fewer.
  // RESOURCE_EXHAUSTED.
  absl::Status Keep(int64_t bytes) {
    engine::MutexLock lock(&work_mutex_);
    if (bytes > 0) return this->scope().Grow(bytes);
    this->scope().Shrink(-bytes);
    return absl::OkStatus();
  }

  void OnRefused(const absl::Status& status) override {
    {
      engine::MutexLock lock(&work_mutex_);
      if (phase_ == Phase::kTaken || phase_ == Phase::kEnded) return;
      if (!why_.has_value()) why_ = status;
      if (phase_ == Phase::kOpen && working_) return;  // who works ends it
      phase_ = Phase::kEnded;
    }
    this->End(status);
  }

 private:
  enum class Phase { kOpen, kHandedOver, kTaken, kEnded };
  // Messages that may be here beside the one that is worked on.
  static constexpr size_t kAhead = 1;

  struct Queued {
    Message message;
    int64_t bytes = 0;
  };

  void OnMessage(Message message) final {
    const auto bytes = static_cast<int64_t>(message->ByteSizeLong());
    absl::Status admitted;
    {
      engine::MutexLock lock(&work_mutex_);
      if (phase_ != Phase::kOpen || why_.has_value()) return;
      admitted = this->scope().Grow(bytes);
      if (admitted.ok()) {
        queue_.push_back({std::move(message), bytes});
        if (queue_.size() >= kAhead) this->HoldReading();
        StartWork();
      }
    }
    if (!admitted.ok()) OnRefused(admitted);
  }

  void OnHalfClose() final {
    engine::MutexLock lock(&work_mutex_);
    half_closed_ = true;
    if (phase_ == Phase::kOpen && !why_.has_value()) StartWork();
  }

  void OnDrained() final {
    engine::MutexLock lock(&work_mutex_);
    if (phase_ == Phase::kOpen && (half_closed_ || !queue_.empty())) StartWork();
  }

  void StartWork() ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_) {
    if (std::exchange(working_, true)) return;
    this->Hold();  // whoever ends it meanwhile
    workers_->Submit([this] {
      Run();
      this->Release();
    });
  }

  // A message, or, if there are none, the completion; then other streams have their turn.
  void Run() {
    std::optional<Queued> next = Take();
    if (!next.has_value()) return RunComplete();
    absl::StatusOr<Next> worked = Next::kEnd;
    const absl::Status interrupted = this->scope().cancellation()->Check();
    if (!interrupted.ok()) {
      worked = interrupted;
    } else {
      worked = Work(next->message);
    }
    bool end = false;
    {
      engine::MutexLock lock(&work_mutex_);
      end = StopWork(worked.status());
      if (!end && *worked == Next::kAgain) {
        PutBack(*std::move(next));
      } else {
        this->scope().Shrink(next->bytes);
      }
      if (!end && (half_closed_ || !queue_.empty()) && this->WhenDrained()) StartWork();
    }
    if (end) EndNow();
  }

  void PutBack(Queued next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_) {
    queue_.push_front(std::move(next));
    this->HoldReading();
  }

  std::optional<Queued> Take() {
    engine::MutexLock lock(&work_mutex_);
    if (queue_.empty()) return std::nullopt;
    Queued next = std::move(queue_.front());
    if (queue_.size() >= kAhead) this->ResumeReading();
    queue_.pop_front();
    return next;
  }

  void RunComplete() {
    absl::StatusOr<Next> next = Next::kAgain;
    const absl::Status interrupted = this->scope().cancellation()->Check();
    if (!interrupted.ok()) {
      next = interrupted;
    } else if (Wanted()) {
      next = Complete();
    }
    if (next.ok() && *next == Next::kHandedOver) return;
    bool end = false;
    {
      engine::MutexLock lock(&work_mutex_);
      if (next.ok() && *next == Next::kEnd && !why_.has_value()) why_ = absl::OkStatus();
      end = StopWork(next.status());
      if (!end && this->WhenDrained()) StartWork();
    }
    if (end) EndNow();
  }

  bool Wanted() {
    engine::MutexLock lock(&work_mutex_);
    return !why_.has_value();
  }

  // Whether the stream is to be ended now, by the caller.
  bool StopWork(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(work_mutex_) {
    working_ = false;
    if (!status.ok() && !why_.has_value()) why_ = status;
    if (why_.has_value()) phase_ = Phase::kEnded;
    return why_.has_value();
  }

  void EndNow() {
    absl::Status why;
    {
      engine::MutexLock lock(&work_mutex_);
      why = *why_;
    }
    this->End(std::move(why));
  }

  Workers* const workers_;

  // Before the base's own lock.
  engine::Mutex work_mutex_;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(work_mutex_);
  bool working_ ABSL_GUARDED_BY(work_mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(work_mutex_) = false;
  Phase phase_ ABSL_GUARDED_BY(work_mutex_) = Phase::kOpen;
  std::optional<absl::Status> why_ ABSL_GUARDED_BY(work_mutex_);  // it ends
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_WORKED_STREAM_H_
