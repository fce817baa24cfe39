// PredictionService: what a model says about rows.
#ifndef CHAINRULE_SERVER_RPC_PREDICTION_SERVICE_H_
#define CHAINRULE_SERVER_RPC_PREDICTION_SERVICE_H_

#include "chainrule/v1/prediction_service.grpc.pb.h"
#include "server/rpc/message_pool.h"
#include "server/rpc/unary_call.h"

namespace chainrule::server {

class PredictionServiceImpl final : public v1::PredictionService::CallbackService {
 public:
  explicit PredictionServiceImpl(const Environment* environment);

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamPredictRequest, v1::StreamPredictResponse>* StreamPredict(
      grpc::CallbackServerContext* context) override;

 private:
  using Call = UnaryCall<v1::PredictRequest, v1::PredictResponse>;

  absl::Status QueuePredict(Call* call);

  const Environment& environment_;
  MessagePool<v1::PredictRequest, v1::PredictResponse> messages_;
  const Rpc predict_, stream_predict_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_PREDICTION_SERVICE_H_
