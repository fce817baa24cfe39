#include "client/cli/arguments.h"

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/data/text.h"

namespace chainrule::client {
namespace {

constexpr char kDelimiter = ',';

// The flags that take `a,b,c`, of all commands.
void AddLists(CLI::App* app, std::set<std::string>* names) {
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_delimiter() != kDelimiter) continue;
    for (const std::string& name : option->get_lnames()) names->insert(absl::StrCat("--", name));
  }
  for (CLI::App* below : app->get_subcommands([](CLI::App*) { return true; })) {
    AddLists(below, names);
  }
}

bool TakesTheNextWord(const CLI::App& app, const std::string& word) {
  const CLI::Option* option = app.get_option_no_throw(word);
  return option != nullptr && option->get_items_expected_max() > 0;
}

// How many words there are up to `serve` as the command, or in all.
size_t CountOurs(const CLI::App& app, std::span<const char* const> words) {
  size_t i = 0;
  while (i < words.size() && words[i][0] == '-') i += TakesTheNextWord(app, words[i]) ? 2 : 1;
  return i < words.size() && words[i] == absl::string_view("serve") ? i : words.size();
}

bool HasEmptyItem(absl::string_view value) {
  return value.front() == kDelimiter || value.back() == kDelimiter ||
         absl::StrContains(value, ",,");
}

absl::Status CheckValue(const std::string& flag, absl::string_view value, bool is_list) {
  if (value.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Escaped(flag), ": empty; give it a value or leave it out"));
  }
  if (!is_list || !HasEmptyItem(value)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Escaped(flag), ": ", Quoted(value), " has an empty item"));
}

}  // namespace

absl::Status CheckArguments(CLI::App* app, std::span<const char* const> words) {
  std::set<std::string> lists;
  AddLists(app, &lists);
  words = words.first(CountOurs(*app, words));
  for (size_t i = 0; i < words.size(); ++i) {
    const absl::string_view word = words[i];
    if (word == "--") break;
    const size_t equals = absl::StartsWith(word, "--") ? word.find('=') : absl::string_view::npos;
    const std::string flag(word.substr(0, equals));
    const bool is_list = lists.contains(flag);
    absl::Status status;
    if (equals != absl::string_view::npos) {
      status = CheckValue(flag, word.substr(equals + 1), is_list);
    } else if (is_list && i + 1 < words.size()) {
      status = CheckValue(flag, words[++i], is_list);
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace chainrule::client
