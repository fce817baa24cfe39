// What is wrong with a request, collected: every fault is named, up to a number.
#ifndef CHAINRULE_SERVER_CONVERT_VIOLATIONS_H_
#define CHAINRULE_SERVER_CONVERT_VIOLATIONS_H_

#include <google/protobuf/descriptor.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/core/error.h"

namespace chainrule::server {

// A caller's text, quoted and fit for a message: at most 64 bytes, cut between
// characters ("…" says so), control characters as '?'.
std::string Echo(absl::string_view text);
// The shortest text that reads back as this number: "0.1", "nan", "-inf".
std::string EchoNumber(double value);

// The description of a value that an enum does not have, with the names of those that it
// has: all but the ones numbered `refused`.
std::string UnknownEnum(int value, const google::protobuf::EnumDescriptor& type,
                        std::initializer_list<int> refused = {0});

// INVALID_ARGUMENT, INVALID_FIELD, where the message reads better than
// "field: description".
absl::Status InvalidFieldSaying(absl::string_view message, absl::string_view field,
                                absl::string_view description);

// What was said of a message's fields, said of the message that has it as `parent`: the paths
// begin with that, in the violations and where the message begins with one.
absl::Status Under(absl::string_view parent, const absl::Status& status);

// Says which of a stream's messages it was, the header being message 0: in the message, and as
// the metadata `message`.
absl::Status InMessage(int64_t number, const absl::Status& status);

// Violations: keeps the first 16 and counts the others.  Thread-compatible.
class Violations {
 public:
  void Add(absl::string_view field, absl::string_view description);

  bool empty() const { return count_ == 0; }
  int64_t count() const { return count_; }
  // OK if there are none; else INVALID_ARGUMENT, INVALID_FIELD with those kept and how many
  // others there are; the message has the first and how many there are beyond it.
  absl::Status ToStatus() const;

 private:
  std::vector<engine::FieldViolation> kept_;
  int64_t count_ = 0;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_VIOLATIONS_H_
