#include "client/lib/errors.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "client/data/text.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace chainrule::client {
namespace {

constexpr char kDetails[] = "type.googleapis.com/google.rpc.Status";
constexpr char kUnreachable[] = "chainrule/unreachable";

// Whether one of ours spoke: every status that the server makes has details.
bool HasDetails(const grpc::Status& status) { return !status.error_details().empty(); }

bool IsUnreachable(const grpc::Status& status, bool is_connected) {
  if (HasDetails(status)) return false;
  return status.error_code() == grpc::StatusCode::UNAVAILABLE ||
         (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && !is_connected);
}

google::rpc::Status DetailsOf(const absl::Status& status) {
  google::rpc::Status details;
  const auto payload = status.GetPayload(kDetails);
  if (payload.has_value()) details.ParseFromString(std::string(*payload));
  return details;
}

template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& details) {
  Detail detail;
  for (const auto& any : details.details()) {
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

std::string Retry(const google::rpc::Status& details) {
  const auto retry = Find<google::rpc::RetryInfo>(details);
  if (!retry) return "";
  const absl::Duration delay = absl::Seconds(retry->retry_delay().seconds()) +
                               absl::Nanoseconds(retry->retry_delay().nanos());
  return absl::StrCat(" (again in ", absl::FormatDuration(delay), ")");
}

// The message tells the first violation, these are the others.
std::string OtherViolations(const google::rpc::Status& details) {
  std::string lines;
  const auto bad = Find<google::rpc::BadRequest>(details);
  for (int i = 1; bad && i < bad->field_violations_size(); ++i) {
    const auto& violation = bad->field_violations(i);
    const char* colon = violation.field().empty() ? "" : ": ";
    absl::StrAppend(&lines, "\n  ", Escaped(violation.field()), colon,
                    Escaped(violation.description()));
  }
  return lines;
}

std::string OneLine(absl::string_view message) {
  return Escaped(absl::StrReplaceAll(message, {{"\n", " "}}));
}

// By the words of the system, which gRPC passes on: no port is open, no socket file there.
bool NothingListens(absl::string_view message) {
  return absl::StrContains(message, "Connection refused") ||
         absl::StrContains(message, "No such file or directory");
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status, bool is_connected) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  const bool is_unreachable = IsUnreachable(status, is_connected);
  result.SetPayload(is_unreachable ? kUnreachable : kDetails, absl::Cord(status.error_details()));
  return result;
}

Origin OriginOf(const absl::Status& status) {
  if (status.GetPayload(kUnreachable).has_value()) return Origin::kUnreachable;
  return status.GetPayload(kDetails).has_value() ? Origin::kServer : Origin::kHere;
}

std::string ReasonOf(const absl::Status& status) {
  const auto info = Find<google::rpc::ErrorInfo>(DetailsOf(status));
  return info ? info->reason() : "";
}

absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  absl::Status result(status.code(), message);
  status.ForEachPayload([&result](absl::string_view type, const absl::Cord& payload) {
    result.SetPayload(type, payload);
  });
  return result;
}

absl::Status WithHint(const absl::Status& status, absl::string_view hint) {
  return WithMessage(status, absl::StrCat(status.message(), "; ", hint));
}

std::string ExceededLimit(const absl::Status& status) {
  const auto info = Find<google::rpc::ErrorInfo>(DetailsOf(status));
  if (!info || info->reason() != "LIMIT_EXCEEDED") return "";
  const auto limit = info->metadata().find("limit");
  return limit == info->metadata().end() ? "" : limit->second;
}

std::string Describe(const absl::Status& status) {
  const google::rpc::Status details = DetailsOf(status);
  const std::string message = OneLine(status.message());
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", message, Retry(details),
                      OtherViolations(details));
}

std::string DescribeUnreachable(const absl::Status& status, absl::string_view address) {
  const std::string code = absl::StatusCodeToString(status.code());
  const std::string message = OneLine(status.message());
  if (!NothingListens(status.message())) {
    return absl::StrCat(code, ": ", Escaped(address), ": ", message);
  }
  return absl::StrCat(code, ": no server listens at ", Escaped(address),
                      "; `chainrule serve` starts one (", message, ")");
}

}  // namespace chainrule::client
