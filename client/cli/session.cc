#include "client/cli/session.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/util/json_util.h"

namespace chainrule::client {

absl::StatusOr<Client*> Session::client() {
  if (client_ == nullptr) {
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(settings_.target);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
  }
  return client_.get();
}

absl::StatusOr<v1::Model> Session::GetModel(const std::string& model) {
  const absl::StatusOr<Client*> connected = client();
  if (!connected.ok()) return connected.status();
  return (*connected)->GetModel(ModelName(model));
}

absl::StatusOr<v1::Model> Session::GetModelOf(const std::string& version) {
  return GetModel(version.substr(0, version.find('@')));
}

absl::Status Session::PrintJson(const google::protobuf::Message& message) {
  const absl::StatusOr<std::string> json = ToJson(message);
  if (!json.ok()) return json.status();
  *out_ << *json;
  return absl::OkStatus();
}

absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::InternalError(status.ToString());
  return json;
}

std::string ModelName(absl::string_view model) {
  if (absl::StartsWith(model, "models/")) return std::string(model);
  return absl::StrCat("models/", model);
}

std::string ModelId(absl::string_view model) {
  return std::string(absl::StripPrefix(model, "models/"));
}

}  // namespace chainrule::client
