// Kinds of flags that several commands have.
#ifndef CHAINRULE_CLIENT_CLI_FLAGS_H_
#define CHAINRULE_CLIENT_CLI_FLAGS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/map.h"

namespace chainrule::client {

// A flag that takes `a,b,c`.
CLI::Option* AddList(CLI::App* app, const std::string& flag, std::vector<std::string>* values,
                     const std::string& help);

// Adds what --tag says, KEY=VALUE each, to *labels; INVALID_ARGUMENT for one that does not.
absl::Status ReadTags(const std::vector<std::string>& tags,
                      google::protobuf::Map<std::string, std::string>* labels);

// A flag that takes one of an enum's values, spelled `relu` for ACTIVATION_RELU.
CLI::Option* AddEnum(CLI::App* app, const std::string& flag,
                     const google::protobuf::EnumDescriptor* type, std::string* value,
                     const std::string& help);

// The enum's number for what AddEnum accepted; 0, unspecified, for "".
int EnumValue(const google::protobuf::EnumDescriptor* type, absl::string_view name);

// A value's name as the flags spell it.
std::string EnumName(const google::protobuf::EnumDescriptor* type, int value);

// Refuses what is no whole number, or one below `least` or above `most`.
CLI::Validator AtLeast(int64_t least, int64_t most = std::numeric_limits<int64_t>::max());

CLI::Option* AddThreshold(CLI::App* app, std::optional<double>* threshold);

// A flag that takes layers by their index: `0,2`.
CLI::Option* AddLayers(CLI::App* app, std::vector<int32_t>* layers);

// Lets all flags for numbers, also those of subcommands, say what they take to whoever gives
// them something else. CLI11 says only that it could not convert it.
void ExplainNumbers(CLI::App* app);

// A flag that takes a duration: `90s`, `1h30m`, or a number of seconds. Its help says so.
CLI::Option* AddDuration(CLI::App* app, const std::string& flag, absl::Duration* duration,
                         const std::string& help);

google::protobuf::Duration ToProto(absl::Duration duration);

// WriteOptions: what calls that change a model have in common.
struct WriteOptions {
  std::string request_id;
  std::optional<int64_t> if_step;
};
void AddRequestId(CLI::App* app, std::string* request_id);
void AddWriteOptions(CLI::App* app, WriteOptions* options);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_FLAGS_H_
