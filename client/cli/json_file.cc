#include "client/cli/json_file.h"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/json_util.h"

namespace chainrule::client {
namespace {

std::string ReadAll(std::istream& in) { return {std::istreambuf_iterator<char>(in), {}}; }

}  // namespace

absl::Status ReadJson(const std::string& path, bool ignore_unknown,
                      google::protobuf::Message* message) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return absl::ErrnoToStatus(errno, path);
  }
  const std::string text = ReadAll(path == "-" ? std::cin : file);
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = ignore_unknown;
  const auto status = google::protobuf::util::JsonStringToMessage(text, message, options);
  if (status.ok()) return absl::OkStatus();
  const std::string what = absl::StrReplaceAll(std::string(status.message()), {{"\n", " "}});
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

}  // namespace chainrule::client
