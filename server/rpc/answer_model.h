// How a call that made or changed a model is answered.
#ifndef CHAINRULE_SERVER_RPC_ANSWER_MODEL_H_
#define CHAINRULE_SERVER_RPC_ANSWER_MODEL_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/convert/models.h"
#include "server/models/registry.h"

namespace chainrule::server {

// Writes the model, and says whether the call was a repeat.
template <typename Call>
absl::Status AnswerModel(const absl::StatusOr<Registry::Result>& result, Call* call) {
  if (!result.ok()) return result.status();
  if (result->replayed) call->scope().MarkReplayed();
  WriteModel(result->model, call->response());
  return absl::OkStatus();
}

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_ANSWER_MODEL_H_
