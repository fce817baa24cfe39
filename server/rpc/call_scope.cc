#include "server/rpc/call_scope.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "engine/core/check.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::server {
namespace {

absl::Time DeadlineOf(const grpc::ServerContext& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  return deadline == std::chrono::system_clock::time_point::max() ? absl::InfiniteFuture()
                                                                  : absl::FromChrono(deadline);
}

// Takes the same time whatever the texts are, but for their lengths.
bool SameSecret(absl::string_view a, absl::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i] ^ b[i]));
  }
  return difference == 0;
}

}  // namespace

CallScope::CallScope(const Environment* environment, RpcMetrics* metrics,
                     grpc::ServerContext* context, Admission::Presence::Kind kind)
    : environment_(environment),
      metrics_(metrics),
      context_(context),
      start_(absl::Now()),
      cancellation_(std::make_shared<engine::Cancellation>(DeadlineOf(*context))),
      presence_(environment->admission, kind) {}

absl::Status CallScope::CheckToken() const {
  if (environment_->token.empty()) return absl::OkStatus();
  const auto& metadata = context_->client_metadata();
  const auto found = metadata.find("authorization");
  const std::string expected = absl::StrCat("Bearer ", environment_->token);
  if (found != metadata.end() &&
      SameSecret({found->second.data(), found->second.size()}, expected)) {
    return absl::OkStatus();
  }
  return absl::UnauthenticatedError(
      "metadata 'authorization' must be 'Bearer ' and this server's token");
}

absl::Status CallScope::CheckWelcome() const {
  if (environment_->stopping.load(std::memory_order_relaxed)) {
    return Error(absl::StatusCode::kUnavailable, v1::ERROR_REASON_STOPPING,
                 "the server is stopping");
  }
  return CheckToken();
}

absl::Status CallScope::CheckRoom() const {
  if (absl::Status status = CheckWelcome(); !status.ok()) return status;
  return environment_->admission->CheckRoom();
}

absl::Status CallScope::CheckProbe() const {
  if (absl::Status status = environment_->admission->CheckProbeRoom(); !status.ok()) return status;
  return CheckToken();
}

absl::Status CallScope::Admit(int64_t bytes) {
  if (absl::Status status = CheckWelcome(); !status.ok()) return status;
  absl::StatusOr<Admission::Ticket> ticket = environment_->admission->Enter(bytes);
  if (!ticket.ok()) return ticket.status();
  ticket_ = *std::move(ticket);
  return absl::OkStatus();
}

absl::Status CallScope::Grow(int64_t bytes) { return ticket_.Grow(bytes); }

void CallScope::Shrink(int64_t bytes) { ticket_.Shrink(bytes); }

void CallScope::Cancel() {
  const bool late = absl::Now() >= DeadlineOf(*context_);
  cancellation_->Cancel(late ? absl::StatusCode::kDeadlineExceeded : absl::StatusCode::kCancelled);
  cancelled_.store(true, std::memory_order_release);
}

void CallScope::MarkReplayed() { context_->AddInitialMetadata("chainrule-replayed", "1"); }

grpc::Status CallScope::End(const absl::Status& status) {
  CHAINRULE_CHECK(!ended_.exchange(true));
  // What nobody received was not OK, whatever came of it.
  const absl::Status seen = status.ok() && cancelled() ? cancellation_->Check() : status;
  const absl::Duration latency = absl::Now() - start_;
  metrics_->Record(seen.code(), latency);
  LogEnd(seen, seen.code(), latency);
  ticket_ = Admission::Ticket();
  if (const auto retry = RetryAfter(status)) {
    context_->AddTrailingMetadata("grpc-retry-pushback-ms",
                                  absl::StrCat(absl::ToInt64Milliseconds(*retry)));
  }
  return ToGrpcStatus(status);
}

void CallScope::LogEnd(const absl::Status& status, absl::StatusCode code,
                       absl::Duration latency) const {
  const bool defect = code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
                      code == absl::StatusCode::kDataLoss;
  const LogLevel level = status.ok() ? LogLevel::kDebug
                         : defect    ? LogLevel::kError
                                     : LogLevel::kInfo;
  if (!environment_->log->Wants(level)) return;
  environment_->log->Write(
      level, "call",
      {{"rpc", metrics_->name()},
       {"code", absl::StatusCodeToString(code)},
       {"ms", absl::StrCat(absl::ToDoubleMilliseconds(latency))},
       {"peer", context_->peer()},
       {"error", Printable({status.message().data(), status.message().size()}, 256)}});
}

}  // namespace chainrule::server
