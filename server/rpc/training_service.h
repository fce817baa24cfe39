// TrainingService: training, and what training would do.
#ifndef CHAINRULE_SERVER_RPC_TRAINING_SERVICE_H_
#define CHAINRULE_SERVER_RPC_TRAINING_SERVICE_H_

#include "chainrule/v1/training_service.grpc.pb.h"
#include "server/rpc/unary_call.h"

namespace chainrule::server {

class TrainingServiceImpl final : public v1::TrainingService::CallbackService {
 public:
  explicit TrainingServiceImpl(const Environment* environment);

  grpc::ServerUnaryReactor* Train(grpc::CallbackServerContext* context,
                                  const v1::TrainRequest* request,
                                  v1::TrainResponse* response) override;
  grpc::ServerBidiReactor<v1::FitRequest, v1::FitResponse>* Fit(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetGradients(grpc::CallbackServerContext* context,
                                         const v1::GetGradientsRequest* request,
                                         v1::GetGradientsResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamGradientsRequest, v1::StreamGradientsResponse>* StreamGradients(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ApplyGradients(grpc::CallbackServerContext* context,
                                           const v1::ApplyGradientsRequest* request,
                                           v1::ApplyGradientsResponse* response) override;
  grpc::ServerUnaryReactor* CheckGradients(grpc::CallbackServerContext* context,
                                           const v1::CheckGradientsRequest* request,
                                           v1::CheckGradientsResponse* response) override;
  grpc::ServerUnaryReactor* Evaluate(grpc::CallbackServerContext* context,
                                     const v1::EvaluateRequest* request,
                                     v1::EvaluateResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamEvaluateRequest, v1::StreamEvaluateResponse>* StreamEvaluate(
      grpc::CallbackServerContext* context) override;

 private:
  using TrainRpcCall = UnaryCall<v1::TrainRequest, v1::TrainResponse>;
  using GradientsCall = UnaryCall<v1::GetGradientsRequest, v1::GetGradientsResponse>;
  using ApplyRpcCall = UnaryCall<v1::ApplyGradientsRequest, v1::ApplyGradientsResponse>;
  using CheckCall = UnaryCall<v1::CheckGradientsRequest, v1::CheckGradientsResponse>;
  using EvaluateCall = UnaryCall<v1::EvaluateRequest, v1::EvaluateResponse>;

  absl::Status QueueTrain(TrainRpcCall* call);
  absl::Status ComputeGradients(GradientsCall* call);
  absl::Status QueueApplyGradients(ApplyRpcCall* call);
  absl::Status CompareGradients(CheckCall* call);
  absl::Status Measure(EvaluateCall* call);

  const Environment& environment_;
  const Rpc train_, fit_, get_gradients_, stream_gradients_, apply_gradients_, check_gradients_,
      evaluate_, stream_evaluate_;
};

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_RPC_TRAINING_SERVICE_H_
