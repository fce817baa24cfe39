// Predict.
#ifndef CHAINRULE_SERVER_CONVERT_PREDICTION_H_
#define CHAINRULE_SERVER_CONVERT_PREDICTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chainrule/v1/prediction_service.pb.h"
#include "engine/core/matrix.h"
#include "server/convert/context.h"
#include "server/convert/tensors.h"

namespace chainrule::server {

struct PredictArguments {
  TensorRows inputs;  // borrows the request
  bool values = false;
  bool logits = false;
  bool classes = false;
  int64_t top_k = 0;  // 0: the best one, or, multi_label, those that reach the threshold
  double threshold = 0.5;
  v1::TensorEncoding encoding = v1::TENSOR_ENCODING_VALUES;
  int64_t reply_bytes = 0;  // of the reply, at most
};

// Constant cost (linear in class names).  Beyond what a reply may weigh: LIMIT_EXCEEDED,
// max_message_bytes.  Whether inputs are finite is found on the compute thread;
// CheckFinite(inputs, "inputs", settings.feature_names) then says it with names.
absl::StatusOr<PredictArguments> CheckPredict(const v1::PredictRequest& request,
                                              const ModelContext& model);

// Classes of a row's answer, at most.
int64_t ClassesPerRow(const PredictArguments& arguments, const engine::NetworkSpec& network);

// PredictionReply: where a prediction's numbers go, and what is made of them.
// Thread-compatible: Place, then the engine writes, then Finish.
class PredictionReply {
 public:
  // `response` is borrowed and empty.
  PredictionReply(const PredictArguments& arguments, v1::PredictResponse* response)
      : arguments_(arguments), response_(response) {}

  // Allocates.  `logits` gets null data if they were not asked for.
  void Place(const engine::NetworkSpec& network, engine::MatrixView* outputs,
             engine::MatrixView* logits);
  // Fills in the classes, from the outputs as written, the step and the version (0: live).
  void Finish(const ModelSettings& settings, int64_t model_step, int64_t version = 0);

 private:
  const PredictArguments arguments_;
  v1::PredictResponse* const response_;
  engine::Matrix unsent_;  // outputs that only the classes are made from
  engine::MatrixView outputs_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_PREDICTION_H_
