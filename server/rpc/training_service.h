// TrainingService: training, and what training would do.
#ifndef CHAINRULE_SERVER_RPC_TRAINING_SERVICE_H_
#define CHAINRULE_SERVER_RPC_TRAINING_SERVICE_H_

#include "chainrule/v1/training_service.pb.h"
#include "server/rpc/methods.h"

namespace chainrule::server {

class TrainingServiceImpl {
 public:
  TrainingServiceImpl(const Environment* environment, Methods* methods);

 private:
  using TrainRpcCall = UnaryCall<v1::TrainRequest, v1::TrainResponse>;
  using GradientsCall = UnaryCall<v1::GetGradientsRequest, v1::GetGradientsResponse>;
  using ApplyRpcCall = UnaryCall<v1::ApplyGradientsRequest, v1::ApplyGradientsResponse>;
  using CheckCall = UnaryCall<v1::CheckGradientsRequest, v1::CheckGradientsResponse>;
  using EvaluateCall = UnaryCall<v1::EvaluateRequest, v1::EvaluateResponse>;

  absl::Status Train(TrainRpcCall* call);
  absl::Status GetGradients(GradientsCall* call);
  absl::Status ApplyGradients(ApplyRpcCall* call);
  absl::Status CheckGradients(CheckCall* call);
  absl::Status Evaluate(EvaluateCall* call);

  const Environment& environment_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_TRAINING_SERVICE_H_
