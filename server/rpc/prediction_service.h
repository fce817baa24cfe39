// PredictionService: what a model says about rows.
#ifndef CHAINRULE_SERVER_RPC_PREDICTION_SERVICE_H_
#define CHAINRULE_SERVER_RPC_PREDICTION_SERVICE_H_

#include "chainrule/v1/prediction_service.pb.h"
#include "server/rpc/methods.h"

namespace chainrule::server {

class PredictionServiceImpl {
 public:
  // Both are borrowed, as in all services here; they and the service outlive the calls.
  PredictionServiceImpl(const Environment* environment, Methods* methods);

 private:
  using PredictRpcCall = UnaryCall<v1::PredictRequest, v1::PredictResponse>;

  absl::Status Predict(PredictRpcCall* call);

  const Environment& environment_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_PREDICTION_SERVICE_H_
