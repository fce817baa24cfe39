// ToGrpcStatus: what the server says, as it travels. The google.rpc.Status in the
// binary details always has an ErrorInfo (domain "chainrule"), and BadRequest, RetryInfo
// and ResourceInfo where the error has them. Message and details stay below 4 KiB
// together as encoded: of violations the first 16 or fewer are kept, then their count.
#ifndef CHAINRULE_SERVER_RPC_TO_GRPC_STATUS_H_
#define CHAINRULE_SERVER_RPC_TO_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "chainrule/v1/errors.pb.h"

namespace chainrule::server {

constexpr size_t kMaxStatusBytes = 4096;
constexpr int kMaxViolations = 16;

grpc::Status ToGrpcStatus(const absl::Status& status);

// An error of the server's own, with this reason and nothing else.
absl::Status Error(absl::StatusCode code, v1::ErrorReason reason, absl::string_view message);

// When to call again, where the status tells: for the `grpc-retry-pushback-ms` trailer.
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

// `text` as valid UTF-8 of at most `max_bytes`, cut between characters; bytes that are
// not UTF-8 become '?'.
std::string Printable(absl::string_view text, size_t max_bytes);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_TO_GRPC_STATUS_H_
