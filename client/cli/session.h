#ifndef CHAINRULE_CLIENT_CLI_SESSION_H_
#define CHAINRULE_CLIENT_CLI_SESSION_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/lib/client.h"
#include "google/protobuf/message.h"

namespace chainrule::client {

// Settings: the flags that every command has.
struct Settings {
  Target target;
  bool json = false;
  bool out_is_terminal = false;
};

// Session: where a command's answers go, and the server that it asks. Single-threaded.
class Session {
 public:
  // `out` is borrowed.
  Session(Settings settings, std::ostream* out) : settings_(std::move(settings)), out_(out) {}

  // Made when first asked for.
  absl::StatusOr<Client*> client();
  absl::StatusOr<v1::Model> GetModel(const std::string& model);
  // Of a name that may be a version's: `iris@3`, `iris@prod`.
  absl::StatusOr<v1::Model> GetModelOf(const std::string& version);

  bool json() const { return settings_.json; }
  bool out_is_terminal() const { return settings_.out_is_terminal; }
  Settings& settings() { return settings_; }
  std::ostream& out() { return *out_; }

  // As ToJson has it.
  absl::Status PrintJson(const google::protobuf::Message& message);

 private:
  Settings settings_;
  std::ostream* out_;
  std::unique_ptr<Client> client_;
};

// The message as JSON with the protos' field names, defaults included.
absl::StatusOr<std::string> ToJson(const google::protobuf::Message& message);

// What a command line asks for, to be run once it is parsed.
using Action = std::function<absl::Status(Session&)>;

// The resource's name: `iris` and `models/iris` both mean models/iris.
std::string ModelName(absl::string_view model);
// The same without `models/`.
std::string ModelId(absl::string_view model);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_SESSION_H_
