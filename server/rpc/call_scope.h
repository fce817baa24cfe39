// CallScope: what a call has from its arrival to its end, whatever its kind: its share
// of the queue, deadline and cancellation, its place in metrics and log.
// Thread-compatible, but for Cancel and cancellation(), which are thread-safe. Owned by
// the call.
#ifndef CHAINRULE_SERVER_RPC_CALL_SCOPE_H_
#define CHAINRULE_SERVER_RPC_CALL_SCOPE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/core/cancellation.h"
#include "server/rpc/environment.h"

namespace chainrule::server {

class CallScope {
 public:
  // All are borrowed.
  CallScope(const Environment* environment, RpcMetrics* metrics, grpc::ServerContext* context,
            Admission::Presence::Kind kind = Admission::Presence::Kind::kCall);

  // Takes the call in, with the bytes of its request. UNAVAILABLE: the server stops;
  // UNAUTHENTICATED: the token is not the one; RESOURCE_EXHAUSTED: the queue is full.
  absl::Status Admit(int64_t bytes);
  // What it would say now to a call whose request has not come yet: that waits outside, so
  // that who opens calls and sends nothing takes nobody's place.
  absl::Status CheckRoom() const;
  // The same of a probe, which is answered though the server be full or stop.
  absl::Status CheckProbe() const;
  // The call holds that many bytes more. RESOURCE_EXHAUSTED.
  absl::Status Grow(int64_t bytes);
  // It holds that many less.
  void Shrink(int64_t bytes);

  // Has the call's deadline. Work may hold it for longer than the call lives.
  const std::shared_ptr<engine::Cancellation>& cancellation() const { return cancellation_; }
  // gRPC says that nobody waits for the answer any more.
  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

  void AddRows(int64_t rows) { metrics_->AddRows(rows); }
  void AddTrainSteps(int64_t steps) { environment_->metrics->AddTrainSteps(steps); }
  // The answer is that to an earlier call: initial metadata `chainrule-replayed: 1`.
  void MarkReplayed();

  // The call's end: counts it, logs it, gives its share of the queue back, and returns
  // what to send. Once: a second time is a defect.
  grpc::Status End(const absl::Status& status);

 private:
  // UNAUTHENTICATED: the token is not the one.
  absl::Status CheckToken() const;
  absl::Status CheckWelcome() const;
  void LogEnd(const absl::Status& status, absl::StatusCode code, absl::Duration latency) const;

  const Environment* const environment_;
  RpcMetrics* const metrics_;
  grpc::ServerContext* const context_;
  const absl::Time start_;
  const std::shared_ptr<engine::Cancellation> cancellation_;
  const Admission::Presence presence_;
  Admission::Ticket ticket_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> ended_{false};
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_CALL_SCOPE_H_
