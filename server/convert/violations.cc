#include "server/convert/violations.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace chainrule::server {
namespace {

constexpr size_t kMaxEchoBytes = 64;
constexpr size_t kMaxViolations = 16;
constexpr absl::string_view kCut = "…";

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// The longest start of `text` of at most `size` bytes that ends between characters.
absl::string_view CutBetweenCharacters(absl::string_view text, size_t size) {
  while (size > 0 && ContinuesCharacter(text[size])) --size;
  return text.substr(0, size);
}

}  // namespace

std::string Echo(absl::string_view text) {
  constexpr size_t kRoom = kMaxEchoBytes - 2;  // beside the quotes
  const bool cut = text.size() > kRoom;
  if (cut) text = CutBetweenCharacters(text, kRoom - kCut.size());
  std::string quoted = absl::StrCat("'", text, cut ? kCut : "", "'");
  for (char& c : quoted) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = '?';
  }
  return quoted;
}

std::string EchoNumber(double value) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string UnknownEnum(int value, const google::protobuf::EnumDescriptor& type,
                        std::initializer_list<int> refused) {
  std::vector<absl::string_view> names;
  for (int i = 0; i < type.value_count(); ++i) {
    const bool allowed = std::ranges::find(refused, type.value(i)->number()) == refused.end();
    if (allowed) names.emplace_back(type.value(i)->name());
  }
  const absl::string_view last = names.back();
  names.pop_back();
  return absl::StrCat(value, "; must be ", absl::StrJoin(names, ", "), names.empty() ? "" : " or ",
                      last);
}

absl::Status InvalidFieldSaying(absl::string_view message, absl::string_view field,
                                absl::string_view description) {
  engine::ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  detail.violations = {{std::string(field), std::string(description)}};
  return engine::MakeError(absl::StatusCode::kInvalidArgument, message, detail);
}

absl::Status Under(absl::string_view parent, const absl::Status& status) {
  engine::ErrorDetail detail = engine::GetErrorDetail(status);
  if (detail.violations.empty()) return status;
  const bool begins = absl::StartsWith(status.message(), detail.violations.front().field);
  for (engine::FieldViolation& violation : detail.violations) {
    violation.field = absl::StrCat(parent, ".", violation.field);
  }
  const std::string message =
      absl::StrCat(begins ? parent : "", begins ? "." : "", status.message());
  return engine::MakeError(status.code(), message, detail);
}

absl::Status InMessage(int64_t number, const absl::Status& status) {
  engine::ErrorDetail detail = engine::GetErrorDetail(status);
  detail.metadata.emplace_back("message", absl::StrCat(number));
  return engine::MakeError(status.code(), absl::StrCat("message ", number, ": ", status.message()),
                           detail);
}

void Violations::Add(absl::string_view field, absl::string_view description) {
  ++count_;
  if (kept_.size() < kMaxViolations) {
    kept_.push_back({std::string(field), std::string(description)});
  }
}

absl::Status Violations::ToStatus() const {
  if (empty()) return absl::OkStatus();
  std::string message = absl::StrCat(kept_.front().field, ": ", kept_.front().description);
  if (count_ > 1) absl::StrAppend(&message, " (and ", count_ - 1, " more)");
  engine::ErrorDetail detail;
  detail.reason = "INVALID_FIELD";
  detail.violations = kept_;
  detail.more_violations = count_ - static_cast<int64_t>(kept_.size());
  return engine::MakeError(absl::StatusCode::kInvalidArgument, message, detail);
}

}  // namespace chainrule::server
