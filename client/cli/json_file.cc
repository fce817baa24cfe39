#include "client/cli/json_file.h"

#include <cerrno>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace chainrule::client {
namespace {

std::string ReadAll(std::istream& in) { return {std::istreambuf_iterator<char>(in), {}}; }

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) return absl::ErrnoToStatus(errno, path);
  }
  return ReadAll(path == "-" ? std::cin : file);
}

absl::Status Parse(const std::string& path, const std::string& text, bool ignore_unknown,
                   google::protobuf::Message* message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = ignore_unknown;
  const auto status = google::protobuf::util::JsonStringToMessage(text, message, options);
  if (status.ok()) return absl::OkStatus();
  const std::string what = absl::StrReplaceAll(std::string(status.message()), {{"\n", " "}});
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

bool IsArray(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && text[first] == '[';
}

}  // namespace

absl::Status ReadJson(const std::string& path, bool ignore_unknown,
                      google::protobuf::Message* message) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  return Parse(path, *text, ignore_unknown, message);
}

absl::StatusOr<std::vector<std::string>> ReadJsonMessages(
    const std::string& path, const google::protobuf::Message& prototype) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  std::vector<std::string> texts = {*text};
  if (IsArray(*text)) {
    google::protobuf::ListValue list;
    if (absl::Status status = Parse(path, *text, false, &list); !status.ok()) return status;
    texts.assign(static_cast<size_t>(list.values_size()), "");
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto& value = list.values(static_cast<int>(i));
      const auto status = google::protobuf::util::MessageToJsonString(value, &texts[i]);
      if (!status.ok()) return absl::InternalError(std::string(status.message()));
    }
  }
  std::vector<std::string> messages;
  for (const std::string& one : texts) {
    const std::unique_ptr<google::protobuf::Message> message(prototype.New());
    if (absl::Status status = Parse(path, one, false, message.get()); !status.ok()) return status;
    messages.push_back(message->SerializeAsString());
  }
  return messages;
}

}  // namespace chainrule::client
