// ApplyGradients.
#ifndef CHAINRULE_SERVER_CONVERT_APPLY_GRADIENTS_H_
#define CHAINRULE_SERVER_CONVERT_APPLY_GRADIENTS_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "server/convert/context.h"
#include "server/models/calls.h"

namespace chainrule::server {

struct ApplyGradientsArguments {
  WriteOptions write;  // but for the cancellation, which is the caller's to add
  std::optional<int64_t> max_staleness;
};

// Constant cost for each tensor.  Whether a base is too old, or of the future, is judged at
// the call's turn.
absl::StatusOr<ApplyGradientsArguments> CheckApplyGradients(
    const v1::ApplyGradientsRequest& request, const ModelContext& model);
// Linear: ApplyGradientsCall::read.
absl::StatusOr<ApplyGradientsInput> ReadApplyGradients(
    std::shared_ptr<const v1::ApplyGradientsRequest> request, const ModelContext& model);
void WriteApplyGradientsReply(const SetWeightsReply& reply, v1::ApplyGradientsResponse* response);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_APPLY_GRADIENTS_H_
