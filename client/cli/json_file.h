#ifndef CHAINRULE_CLIENT_CLI_JSON_FILE_H_
#define CHAINRULE_CLIENT_CLI_JSON_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace chainrule::client {

// Fills *message from the JSON in a file, or in standard input where `path` is "-". Fields
// that the message does not have are refused unless `ignore_unknown`. INVALID_ARGUMENT
// names the file and the place.
absl::Status ReadJson(const std::string& path, bool ignore_unknown,
                      google::protobuf::Message* message);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_JSON_FILE_H_
