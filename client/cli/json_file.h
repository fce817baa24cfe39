#ifndef CHAINRULE_CLIENT_CLI_JSON_FILE_H_
#define CHAINRULE_CLIENT_CLI_JSON_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace chainrule::client {

// Fills *message from the JSON in a file, or in standard input where `path` is "-". Fields
// that the message does not have are refused unless `ignore_unknown`. INVALID_ARGUMENT
// names the file and the place.
absl::Status ReadJson(const std::string& path, bool ignore_unknown,
                      google::protobuf::Message* message);
// The same of an array of messages of the kind of `prototype`, or of one alone. Each is given
// as its bytes.
absl::StatusOr<std::vector<std::string>> ReadJsonMessages(
    const std::string& path, const google::protobuf::Message& prototype);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_JSON_FILE_H_
