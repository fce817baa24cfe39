// GetWeights and SetWeights.
#ifndef CHAINRULE_SERVER_CONVERT_WEIGHTS_H_
#define CHAINRULE_SERVER_CONVERT_WEIGHTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "chainrule/v1/model_service.pb.h"
#include "engine/nn/network.h"
#include "google/protobuf/repeated_field.h"
#include "server/convert/context.h"
#include "server/models/calls.h"

namespace chainrule::server {

// Layers as asked; all where none are named.  Refuses what is no layer of the network, and
// one named twice.
absl::StatusOr<std::vector<int64_t>> CheckLayerIndexes(
    const google::protobuf::RepeatedField<int32_t>& indexes, const engine::NetworkSpec& network);

struct GetWeightsArguments {
  std::vector<int64_t> layers;
  std::optional<int64_t> if_newer_than_step;
  v1::TensorEncoding encoding = v1::TENSOR_ENCODING_VALUES;
  int64_t reply_bytes = 0;  // of the reply, at most
};
// Constant cost.  Beyond what a reply may weigh: LIMIT_EXCEEDED, max_message_bytes.
absl::StatusOr<GetWeightsArguments> CheckGetWeights(const v1::GetWeightsRequest& request,
                                                    const ModelContext& model);
// Linear.  `parameters` is a block of `network`, of the step `model_step`.
void WriteWeights(const GetWeightsArguments& arguments, const engine::Network& network,
                  std::span<const float> parameters, int64_t model_step,
                  v1::GetWeightsResponse* response);

// Constant cost: SetWeightsCall's options, but for the cancellation.
absl::StatusOr<WriteOptions> CheckSetWeights(const v1::SetWeightsRequest& request,
                                             const ModelContext& model);
// Linear: SetWeightsCall::read.
absl::StatusOr<SetWeightsInput> ReadSetWeights(std::shared_ptr<const v1::SetWeightsRequest> request,
                                               const ModelContext& model);
void WriteSetWeightsReply(const SetWeightsReply& reply, v1::SetWeightsResponse* response);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_WEIGHTS_H_
