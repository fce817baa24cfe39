// ModelInfer of the Open Inference Protocol.
#ifndef CHAINRULE_SERVER_CONVERT_INFERENCE_H_
#define CHAINRULE_SERVER_CONVERT_INFERENCE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/core/matrix.h"
#include "inference/grpc_service.pb.h"
#include "server/convert/context.h"
#include "server/convert/tensors.h"

namespace chainrule::server {

struct InferArguments {
  TensorRows inputs;        // borrows the request
  bool raw = false;         // the answer's elements travel as the request's do
  int64_t reply_bytes = 0;  // of the reply, at most
};

// Constant cost.  The one input, by name, as [rows, input_width] of FP32, FP64 or an
// integer, typed or raw but not both; outputs empty or the model's.  Beyond what a reply may
// weigh: LIMIT_EXCEEDED, max_message_bytes.  Integers in typed contents are taken as the
// numbers that they are, whatever width the datatype says.
absl::StatusOr<InferArguments> CheckInfer(const inference::ModelInferRequest& request,
                                          const ModelContext& model);

// Where a ModelInfer's numbers go.  `response` is empty.  The view, [rows × outputs], holds
// while `response` is not changed.
engine::MatrixView PlaceInference(const InferArguments& arguments, const ModelSettings& settings,
                                  inference::ModelInferResponse* response);
// All that is beside the numbers.  `version`: 0 is the live weights.
void WriteInference(const inference::ModelInferRequest& request, int64_t model_step,
                    int64_t version, inference::ModelInferResponse* response);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_INFERENCE_H_
