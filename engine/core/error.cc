#include "engine/core/error.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace chainrule::engine {
namespace {

// Payload keys. Each holds plain text; violations are numbered to keep their order
// and hold "field\ndescription".
constexpr absl::string_view kReason = "chainrule/reason";
constexpr absl::string_view kMetadata = "chainrule/metadata/";
constexpr absl::string_view kViolation = "chainrule/violation/";
constexpr absl::string_view kMoreViolations = "chainrule/more_violations";
constexpr absl::string_view kResourceType = "chainrule/resource_type";
constexpr absl::string_view kResourceName = "chainrule/resource_name";
constexpr absl::string_view kRetryAfter = "chainrule/retry_after_ns";

void Set(absl::Status* status, absl::string_view key, absl::string_view text) {
  if (!text.empty()) status->SetPayload(key, absl::Cord(text));
}

FieldViolation SplitViolation(const std::string& text) {
  const size_t end = text.find('\n');
  return {text.substr(0, end), text.substr(end + 1)};
}

void AddPayload(absl::string_view key, const std::string& text, ErrorDetail* detail,
                std::vector<std::pair<int, FieldViolation>>* violations) {
  if (key == kReason) {
    detail->reason = text;
  } else if (key == kResourceType) {
    detail->resource_type = text;
  } else if (key == kResourceName) {
    detail->resource_name = text;
  } else if (key == kRetryAfter) {
    int64_t nanoseconds = 0;
    if (absl::SimpleAtoi(text, &nanoseconds)) {
      detail->retry_after = absl::Nanoseconds(nanoseconds);
    }
  } else if (key == kMoreViolations) {
    if (!absl::SimpleAtoi(text, &detail->more_violations)) detail->more_violations = 0;
  } else if (absl::ConsumePrefix(&key, kMetadata)) {
    detail->metadata.emplace_back(std::string(key), text);
  } else if (absl::ConsumePrefix(&key, kViolation)) {
    int index = 0;
    if (absl::SimpleAtoi(key, &index)) violations->emplace_back(index, SplitViolation(text));
  }
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       const ErrorDetail& detail) {
  absl::Status status(code, message);
  Set(&status, kReason, detail.reason);
  for (const auto& [key, value] : detail.metadata) {
    Set(&status, absl::StrCat(kMetadata, key), value);
  }
  for (size_t i = 0; i < detail.violations.size(); ++i) {
    Set(&status, absl::StrCat(kViolation, i),
        absl::StrCat(detail.violations[i].field, "\n", detail.violations[i].description));
  }
  if (detail.more_violations > 0) {
    Set(&status, kMoreViolations, absl::StrCat(detail.more_violations));
  }
  Set(&status, kResourceType, detail.resource_type);
  Set(&status, kResourceName, detail.resource_name);
  if (detail.retry_after) {
    Set(&status, kRetryAfter, absl::StrCat(absl::ToInt64Nanoseconds(*detail.retry_after)));
  }
  return status;
}

ErrorDetail GetErrorDetail(const absl::Status& status) {
  ErrorDetail detail;
  std::vector<std::pair<int, FieldViolation>> violations;
  status.ForEachPayload([&](absl::string_view key, const absl::Cord& payload) {
    AddPayload(key, std::string(payload), &detail, &violations);
  });
  std::sort(violations.begin(), violations.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [index, violation] : violations) detail.violations.push_back(std::move(violation));
  std::sort(detail.metadata.begin(), detail.metadata.end());
  return detail;
}

absl::Status InvalidField(absl::string_view field, absl::string_view description) {
  return InvalidFields({{std::string(field), std::string(description)}});
}

absl::Status InvalidFields(std::vector<FieldViolation> violations) {
  std::string message =
      absl::StrCat(violations.front().field, ": ", violations.front().description);
  if (violations.size() > 1) absl::StrAppend(&message, " (and ", violations.size() - 1, " more)");
  ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  detail.violations = std::move(violations);
  return MakeError(absl::StatusCode::kInvalidArgument, message, detail);
}

absl::Status LimitExceeded(absl::string_view field, absl::string_view limit, int64_t value,
                           int64_t maximum) {
  const std::string text = absl::StrCat(value, " exceeds ", limit, " of ", maximum);
  ErrorDetail detail;
  detail.reason = "LIMIT_EXCEEDED";
  detail.metadata = {{"limit", std::string(limit)},
                     {"value", absl::StrCat(value)},
                     {"maximum", absl::StrCat(maximum)}};
  detail.violations = {{std::string(field), text}};
  return MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat(field, ": ", text), detail);
}

}  // namespace chainrule::engine
