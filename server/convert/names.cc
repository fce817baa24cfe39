#include "server/convert/names.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/core/error.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

constexpr absl::string_view kCollection = "models/";
constexpr size_t kMaxIdLength = 63;

bool IsIdCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '-';
}

// From 1, in the form in which the server writes it.
bool IsVersionNumber(absl::string_view text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) && number > 0 && absl::StrCat(number) == text;
}

bool IsRevision(absl::string_view text) { return IsModelId(text) || IsVersionNumber(text); }

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

constexpr absl::string_view kLiveForm =
    "; must be models/{model} with an id of the form [a-z]([a-z0-9_-]{0,61}[a-z0-9])?";
constexpr absl::string_view kReadForm =
    "; must be models/{model}, models/{model}@{version} or models/{model}@{alias}: a version from "
    "1 on, ids and aliases of the form [a-z]([a-z0-9_-]{0,61}[a-z0-9])?";

std::optional<ModelReference> Split(absl::string_view name) {
  const bool in_collection = absl::ConsumePrefix(&name, kCollection);
  const size_t at = name.find('@');
  const bool live = at == absl::string_view::npos;
  const absl::string_view revision = live ? absl::string_view() : name.substr(at + 1);
  const absl::string_view id = name.substr(0, at);
  if (!in_collection || !IsModelId(id) || !(live || IsRevision(revision))) return std::nullopt;
  return ModelReference{std::string(id), std::string(revision)};
}

}  // namespace

bool IsModelId(absl::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength || !absl::ascii_islower(id.front())) return false;
  for (const char c : id) {
    if (!IsIdCharacter(c)) return false;
  }
  return absl::ascii_isalnum(id.back());
}

absl::Status CheckModelId(absl::string_view id, absl::string_view field) {
  if (IsModelId(id)) return absl::OkStatus();
  return engine::InvalidField(field,
                              absl::StrCat(Echo(id), "; must be [a-z]([a-z0-9_-]{0,61}[a-z0-9])?"));
}

std::string ModelName(absl::string_view id) { return absl::StrCat(kCollection, id); }

absl::StatusOr<ModelReference> ParseModelReference(absl::string_view name,
                                                   absl::string_view field) {
  std::optional<ModelReference> reference = Split(name);
  if (reference.has_value()) return *std::move(reference);
  return engine::InvalidField(field, absl::StrCat(Echo(name), kReadForm));
}

absl::Status CheckRevision(absl::string_view revision, absl::string_view field) {
  if (IsRevision(revision)) return absl::OkStatus();
  return engine::InvalidField(
      field, absl::StrCat(Echo(revision), "; must be a version's number or an alias"));
}

absl::StatusOr<std::string> ParseLiveModel(absl::string_view name, absl::string_view field) {
  std::optional<ModelReference> reference = Split(name);
  if (!reference.has_value()) {
    return engine::InvalidField(field, absl::StrCat(Echo(name), kLiveForm));
  }
  if (reference->revision.empty()) return std::move(reference->id);
  return engine::InvalidField(field,
                              absl::StrCat(Echo(name), "; must name the live model, without '@'"));
}

absl::StatusOr<std::string> ParseRequestId(absl::string_view request_id, absl::string_view field) {
  if (request_id.empty() || IsUuid(request_id)) return absl::AsciiStrToLower(request_id);
  return engine::InvalidField(
      field, absl::StrCat(Echo(request_id), "; must be a UUID, 8-4-4-4-12 hexadecimal digits"));
}

}  // namespace chainrule::server
