#include "server/convert/listing.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/core/error.h"
#include "server/convert/digest.h"
#include "server/convert/names.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

constexpr int64_t kDefaultPageSize = 50;
constexpr int64_t kMaxPageSize = 1000;

bool IsKeyCharacter(char c) {
  return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '-';
}

// Takes the tokens of a filter from its front.
class FilterText {
 public:
  explicit FilterText(absl::string_view text) : rest_(text) { SkipBlanks(); }

  bool AtEnd() const { return rest_.empty(); }
  absl::string_view rest() const { return rest_; }

  // The token, and blanks after it.
  bool Take(absl::string_view token) {
    if (!absl::ConsumePrefix(&rest_, token)) return false;
    SkipBlanks();
    return true;
  }

  // labels.KEY
  std::optional<std::string> TakeKey() {
    if (!absl::ConsumePrefix(&rest_, "labels.")) return std::nullopt;
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), IsKeyCharacter);
    const auto length = static_cast<size_t>(end - rest_.begin());
    if (length == 0) return std::nullopt;
    std::string key(rest_.substr(0, length));
    rest_.remove_prefix(length);
    SkipBlanks();
    return key;
  }

  // "VALUE", with \" and \\ for a quote and a backslash in it.
  std::optional<std::string> TakeQuoted() {
    if (!absl::ConsumePrefix(&rest_, "\"")) return std::nullopt;
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      const bool escaped = absl::ConsumePrefix(&rest_, "\\");
      if (rest_.empty()) return std::nullopt;
      if (escaped && rest_.front() != '"' && rest_.front() != '\\') return std::nullopt;
      value += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!Take("\"")) return std::nullopt;
    return value;
  }

 private:
  void SkipBlanks() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  absl::string_view rest_;
};

absl::Status NotUnderstood(const FilterText& text) {
  return engine::InvalidField(
      "filter",
      absl::StrCat(text.AtEnd() ? "the end" : Echo(text.rest()),
                   "; must be conditions labels.KEY = \"VALUE\" or labels.KEY:*, joined by AND"));
}

// What a token is bound to, so that a page of one list is not asked for with another filter.
std::string FilterMark(absl::string_view filter) {
  Digest digest;
  digest.AddText(filter);
  return absl::StrCat(absl::Hex(digest.Finish()[0], absl::kZeroPad16));
}

absl::StatusOr<std::string> ReadPageToken(absl::string_view token, absl::string_view filter) {
  if (token.empty()) return std::string();
  std::string text;
  const bool is_base64 = absl::WebSafeBase64Unescape(token, &text);
  absl::string_view id = text;
  if (is_base64 && absl::ConsumeSuffix(&id, absl::StrCat("@", FilterMark(filter))) &&
      IsModelId(id)) {
    return std::string(id);
  }
  return engine::InvalidField("page_token", absl::StrCat(Echo(token),
                                                         "; must be empty or the next_page_token "
                                                         "of the page before, with the same "
                                                         "filter"));
}

}  // namespace

absl::StatusOr<LabelFilter> LabelFilter::Parse(absl::string_view text) {
  LabelFilter filter;
  FilterText rest(text);
  if (rest.AtEnd()) return filter;
  do {
    std::optional<std::string> key = rest.TakeKey();
    if (!key) return NotUnderstood(rest);
    if (rest.Take(":")) {
      if (!rest.Take("*")) return NotUnderstood(rest);
      filter.conditions_.push_back({*std::move(key), std::nullopt});
      continue;
    }
    if (!rest.Take("=")) return NotUnderstood(rest);
    std::optional<std::string> value = rest.TakeQuoted();
    if (!value) return NotUnderstood(rest);
    filter.conditions_.push_back({*std::move(key), std::move(value)});
  } while (rest.Take("AND "));
  if (!rest.AtEnd()) return NotUnderstood(rest);
  return filter;
}

bool LabelFilter::Matches(const std::map<std::string, std::string>& labels) const {
  return std::all_of(conditions_.begin(), conditions_.end(), [&](const Condition& condition) {
    const auto label = labels.find(condition.key);
    return label != labels.end() && (!condition.value || *condition.value == label->second);
  });
}

absl::StatusOr<ListModelsInput> ReadListModels(const v1::ListModelsRequest& request) {
  if (request.page_size() < 0) {
    return engine::InvalidField("page_size",
                                absl::StrCat(request.page_size(), "; must be 0 or more"));
  }
  absl::StatusOr<LabelFilter> filter = LabelFilter::Parse(request.filter());
  if (!filter.ok()) return filter.status();
  absl::StatusOr<std::string> after = ReadPageToken(request.page_token(), request.filter());
  if (!after.ok()) return after.status();
  const int64_t size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  return ListModelsInput{*std::move(after), std::min(size, kMaxPageSize), *std::move(filter)};
}

std::string MakePageToken(absl::string_view last_id, absl::string_view filter) {
  if (last_id.empty()) return "";
  return absl::WebSafeBase64Escape(absl::StrCat(last_id, "@", FilterMark(filter)));
}

}  // namespace chainrule::server
