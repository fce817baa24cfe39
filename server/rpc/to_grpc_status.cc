#include "server/rpc/to_grpc_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/core/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace chainrule::server {
namespace {

constexpr char kDomain[] = "chainrule";
constexpr size_t kMaxMessageBytes = 512;
constexpr size_t kMaxTextBytes = 256;  // a description, a field path, a value of metadata

template <grpc::StatusCode kGrpc, absl::StatusCode kAbsl>
constexpr bool kSame = static_cast<int>(kGrpc) == static_cast<int>(kAbsl);
static_assert(kSame<grpc::OK, absl::StatusCode::kOk>);
static_assert(kSame<grpc::CANCELLED, absl::StatusCode::kCancelled>);
static_assert(kSame<grpc::UNKNOWN, absl::StatusCode::kUnknown>);
static_assert(kSame<grpc::INVALID_ARGUMENT, absl::StatusCode::kInvalidArgument>);
static_assert(kSame<grpc::DEADLINE_EXCEEDED, absl::StatusCode::kDeadlineExceeded>);
static_assert(kSame<grpc::NOT_FOUND, absl::StatusCode::kNotFound>);
static_assert(kSame<grpc::ALREADY_EXISTS, absl::StatusCode::kAlreadyExists>);
static_assert(kSame<grpc::PERMISSION_DENIED, absl::StatusCode::kPermissionDenied>);
static_assert(kSame<grpc::RESOURCE_EXHAUSTED, absl::StatusCode::kResourceExhausted>);
static_assert(kSame<grpc::FAILED_PRECONDITION, absl::StatusCode::kFailedPrecondition>);
static_assert(kSame<grpc::ABORTED, absl::StatusCode::kAborted>);
static_assert(kSame<grpc::OUT_OF_RANGE, absl::StatusCode::kOutOfRange>);
static_assert(kSame<grpc::UNIMPLEMENTED, absl::StatusCode::kUnimplemented>);
static_assert(kSame<grpc::INTERNAL, absl::StatusCode::kInternal>);
static_assert(kSame<grpc::UNAVAILABLE, absl::StatusCode::kUnavailable>);
static_assert(kSame<grpc::DATA_LOSS, absl::StatusCode::kDataLoss>);
static_assert(kSame<grpc::UNAUTHENTICATED, absl::StatusCode::kUnauthenticated>);

// Length of the UTF-8 character that `text` begins with, 0 where it is none.
size_t CharacterLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto continues = [&](size_t count) {
    if (text.size() < count + 1) return false;
    for (size_t i = 1; i <= count; ++i) {
      if ((byte(i) & 0xC0) != 0x80) return false;
    }
    return true;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return continues(1) ? 2 : 0;
  if ((lead & 0xF0) == 0xE0 && continues(2)) {
    const unsigned code = (lead & 0x0F) << 12 | (byte(1) & 0x3Fu) << 6;
    return code >= 0x800 && (code < 0xD800 || code > 0xDFFF) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead < 0xF5 && continues(3)) {
    const unsigned code = (lead & 0x07) << 18 | (byte(1) & 0x3Fu) << 12;
    return code >= 0x10000 && code < 0x110000 ? 4 : 0;
  }
  return 0;
}

// grpc-message is percent-encoded: three bytes for what is not printable ASCII.
size_t EncodedSize(absl::string_view message) {
  size_t size = 0;
  for (const char c : message) size += c >= ' ' && c <= '~' && c != '%' ? 1 : 3;
  return size;
}

v1::ErrorReason DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return v1::ERROR_REASON_INVALID_FIELD;
    case absl::StatusCode::kNotFound:
      return v1::ERROR_REASON_MODEL_NOT_FOUND;
    case absl::StatusCode::kCancelled:
      return v1::ERROR_REASON_CANCELLED;
    case absl::StatusCode::kDeadlineExceeded:
      return v1::ERROR_REASON_DEADLINE_EXCEEDED;
    case absl::StatusCode::kAborted:
      return v1::ERROR_REASON_MODEL_DELETED;
    case absl::StatusCode::kResourceExhausted:
      return v1::ERROR_REASON_OVERLOADED;
    case absl::StatusCode::kUnavailable:
      return v1::ERROR_REASON_STOPPING;
    case absl::StatusCode::kUnimplemented:
      return v1::ERROR_REASON_UNIMPLEMENTED;
    case absl::StatusCode::kInternal:
      return v1::ERROR_REASON_INTERNAL;
    case absl::StatusCode::kUnauthenticated:
      return v1::ERROR_REASON_UNAUTHENTICATED;
    default:
      return v1::ERROR_REASON_UNSPECIFIED;
  }
}

std::string ReasonName(v1::ErrorReason reason) {
  return std::string(absl::StripPrefix(v1::ErrorReason_Name(reason), "ERROR_REASON_"));
}

google::rpc::ErrorInfo MakeErrorInfo(const absl::Status& status,
                                     const engine::ErrorDetail& detail) {
  google::rpc::ErrorInfo info;
  info.set_domain(kDomain);
  info.set_reason(detail.reason.empty() ? ReasonName(DefaultReason(status.code())) : detail.reason);
  for (const auto& [key, value] : detail.metadata) {
    (*info.mutable_metadata())[key] = Printable(value, kMaxTextBytes);
  }
  return info;
}

// The first `kept` violations, then how many more there are.
google::rpc::BadRequest MakeBadRequest(const engine::ErrorDetail& detail, size_t kept) {
  google::rpc::BadRequest bad;
  for (size_t i = 0; i < kept; ++i) {
    auto* violation = bad.add_field_violations();
    violation->set_field(Printable(detail.violations[i].field, kMaxTextBytes));
    violation->set_description(Printable(detail.violations[i].description, kMaxTextBytes));
  }
  const int64_t more =
      detail.more_violations + static_cast<int64_t>(detail.violations.size() - kept);
  if (more > 0) {
    bad.add_field_violations()->set_description(absl::StrCat("and ", more, " more"));
  }
  return bad;
}

std::string MakeDetails(const absl::Status& status, const std::string& message,
                        const engine::ErrorDetail& detail, size_t violations) {
  google::rpc::Status result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(message);
  result.add_details()->PackFrom(MakeErrorInfo(status, detail));
  if (!detail.violations.empty()) {
    result.add_details()->PackFrom(MakeBadRequest(detail, violations));
  }
  if (detail.retry_after) {
    const int64_t ms = absl::ToInt64Milliseconds(*detail.retry_after);
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(ms / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<int>(ms % 1000) * 1'000'000);
    result.add_details()->PackFrom(retry);
  }
  if (!detail.resource_name.empty()) {
    google::rpc::ResourceInfo resource;
    resource.set_resource_type(detail.resource_type);
    resource.set_resource_name(Printable(detail.resource_name, kMaxTextBytes));
    result.add_details()->PackFrom(resource);
  }
  return result.SerializeAsString();
}

}  // namespace

std::string Printable(absl::string_view text, size_t max_bytes) {
  std::string result;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    const absl::string_view character = length == 0 ? "?" : text.substr(0, length);
    if (result.size() + character.size() > max_bytes) break;
    absl::StrAppend(&result, character);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return result;
}

absl::Status Error(absl::StatusCode code, v1::ErrorReason reason, absl::string_view message) {
  engine::ErrorDetail detail;
  detail.reason = ReasonName(reason);
  return engine::MakeError(code, message, detail);
}

std::optional<absl::Duration> RetryAfter(const absl::Status& status) {
  return engine::GetErrorDetail(status).retry_after;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const engine::ErrorDetail detail = engine::GetErrorDetail(status);
  const std::string message = Printable(status.message(), kMaxMessageBytes);
  size_t violations = std::min<size_t>(detail.violations.size(), kMaxViolations);
  std::string details = MakeDetails(status, message, detail, violations);
  // On the wire the details may be in base64: four bytes for three.
  while (violations > 0 && EncodedSize(message) + details.size() * 4 / 3 >= kMaxStatusBytes) {
    details = MakeDetails(status, message, detail, --violations);
  }
  return {static_cast<grpc::StatusCode>(status.code()), message, details};
}

}  // namespace chainrule::server
