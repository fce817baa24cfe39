// What the commands share that ask about labelled rows.
#ifndef CHAINRULE_CLIENT_CLI_ONE_MESSAGE_H_
#define CHAINRULE_CLIENT_CLI_ONE_MESSAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "chainrule/v1/model.pb.h"
#include "chainrule/v1/tensor.pb.h"
#include "client/cli/data_options.h"
#include "client/cli/session.h"

namespace chainrule::client {

struct Question {
  v1::Model model;
  std::unique_ptr<RowSource> rows;
};

// The model, and the rows as it takes them, of any number.
absl::StatusOr<Question> Open(const std::string& model, const DataOptions& data, Session& session);

struct OneMessage {
  v1::Model model;
  v1::Examples examples;
};

// The same where all rows must go in one message.
absl::StatusOr<OneMessage> Prepare(const std::string& model, const DataOptions& data,
                                   Session& session);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_CLI_ONE_MESSAGE_H_
