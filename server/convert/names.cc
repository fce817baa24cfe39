#include "server/convert/names.h"

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

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
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
  absl::string_view id = name;
  const bool in_collection = absl::ConsumePrefix(&id, kCollection);
  const size_t at = id.find('@');
  const bool live = at == absl::string_view::npos;
  const absl::string_view revision = live ? absl::string_view() : id.substr(at + 1);
  id = id.substr(0, at);
  const bool revision_is_sound = live || IsModelId(revision) || IsVersionNumber(revision);
  if (!in_collection || !IsModelId(id) || !revision_is_sound) {
    return engine::InvalidField(field,
                                absl::StrCat(Echo(name),
                                             "; must be models/{model} with an id of the form "
                                             "[a-z]([a-z0-9_-]{0,61}[a-z0-9])?"));
  }
  return ModelReference{std::string(id), std::string(revision)};
}

absl::StatusOr<std::string> ParseLiveModel(absl::string_view name, absl::string_view field) {
  absl::StatusOr<ModelReference> reference = ParseModelReference(name, field);
  if (!reference.ok()) return reference.status();
  if (reference->revision.empty()) return reference->id;
  return engine::InvalidField(field,
                              absl::StrCat(Echo(name), "; must name the live model, without '@'"));
}

absl::StatusOr<std::string> ParseRequestId(absl::string_view request_id, absl::string_view field) {
  if (request_id.empty() || IsUuid(request_id)) return absl::AsciiStrToLower(request_id);
  return engine::InvalidField(
      field, absl::StrCat(Echo(request_id), "; must be a UUID, 8-4-4-4-12 hexadecimal digits"));
}

}  // namespace chainrule::server
