// What the commands share that send all their labelled rows in one message.
#ifndef CHAINRULE_CLIENT_CLI_ONE_MESSAGE_H_
#define CHAINRULE_CLIENT_CLI_ONE_MESSAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/tensor.pb.h"
#include "client/cli/data_options.h"
#include "client/cli/session.h"

namespace chainrule::client {

struct Question {
  v1::Model model;
  v1::Examples examples;
};

// The model, and the rows as it takes them.
absl::StatusOr<Question> Prepare(const std::string& model, const DataOptions& data,
                                 Session& session);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_ONE_MESSAGE_H_
