#include "server/rpc/training_service.h"

#include <memory>
#include <utility>

#include "server/convert/apply_gradients.h"
#include "server/convert/evaluation.h"
#include "server/convert/examples.h"
#include "server/convert/gradients.h"
#include "server/convert/training.h"
#include "server/rpc/evaluate_stream.h"
#include "server/rpc/find_model.h"
#include "server/rpc/fit_stream.h"
#include "server/rpc/gradients_stream.h"

namespace chainrule::server {

TrainingServiceImpl::TrainingServiceImpl(const Environment* environment)
    : environment_(*environment),
      train_(environment, "TrainingService/Train"),
      fit_(environment, "TrainingService/Fit"),
      get_gradients_(environment, "TrainingService/GetGradients", environment->analysts),
      stream_gradients_(environment, "TrainingService/StreamGradients"),
      apply_gradients_(environment, "TrainingService/ApplyGradients"),
      check_gradients_(environment, "TrainingService/CheckGradients", environment->analysts),
      evaluate_(environment, "TrainingService/Evaluate", environment->analysts),
      stream_evaluate_(environment, "TrainingService/StreamEvaluate") {}

grpc::ServerUnaryReactor* TrainingServiceImpl::Train(grpc::CallbackServerContext* context,
                                                     const v1::TrainRequest* request,
                                                     v1::TrainResponse* response) {
  return train_.Start(context, request, response,
                      [this](TrainRpcCall* call) { return QueueTrain(call); });
}

absl::Status TrainingServiceImpl::QueueTrain(TrainRpcCall* call) {
  absl::StatusOr<FoundModel> found = FindLiveModel(environment_, call->request().model(), "model");
  if (!found.ok()) return found.status();
  absl::StatusOr<TrainArguments> arguments = CheckTrain(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  TrainCall train;
  train.write = std::move(arguments->write);
  train.write.cancellation = call->scope().cancellation();
  train.options = arguments->options;
  train.read = [call, context = found->context] {
    absl::StatusOr<TrainInput> input = ReadTrain(call->borrowed_request(), context);
    if (input.ok()) call->scope().AddRows(input->examples.rows());
    return input;
  };
  train.done = [this, call, settings = found->context.settings](absl::StatusOr<TrainReply> reply) {
    if (reply.ok() && !reply->replayed) call->scope().AddTrainSteps(reply->result.steps_taken);
    if (reply.ok())
      WriteTrainReply(*reply, *settings, environment_.limits.max_message_bytes, call->response());
    call->Finish(reply.status());
  };
  found->model->Train(std::move(train));
  return absl::OkStatus();
}

grpc::ServerBidiReactor<v1::FitRequest, v1::FitResponse>* TrainingServiceImpl::Fit(
    grpc::CallbackServerContext* context) {
  auto* stream = new FitStream(&environment_, fit_.metrics(), context);
  stream->Begin();
  return stream;
}

grpc::ServerUnaryReactor* TrainingServiceImpl::GetGradients(grpc::CallbackServerContext* context,
                                                            const v1::GetGradientsRequest* request,
                                                            v1::GetGradientsResponse* response) {
  return get_gradients_.StartOnWorker(
      context, request, response, [this](GradientsCall* call) { return ComputeGradients(call); });
}

absl::Status TrainingServiceImpl::ComputeGradients(GradientsCall* call) {
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<GradientsArguments> arguments =
      CheckGetGradients(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  const absl::StatusOr<engine::Examples> examples =
      ReadExamples(ExamplesOf(call->borrowed_request()), "examples", found->context);
  if (!examples.ok()) return examples.status();
  call->scope().AddRows(examples->rows());
  const std::shared_ptr<const Snapshot>& snapshot = found->snapshot;
  const absl::StatusOr<engine::GradientSummary> summary = engine::ComputeGradients(
      snapshot->network(), snapshot->state(), *examples,
      PlaceGradients(*arguments, snapshot->network().spec(), call->response()),
      *environment_.executor, call->cancellation());
  if (summary.ok()) WriteGradientSummary(*summary, snapshot->step(), call->response());
  return summary.status();
}

grpc::ServerBidiReactor<v1::StreamGradientsRequest, v1::StreamGradientsResponse>*
TrainingServiceImpl::StreamGradients(grpc::CallbackServerContext* context) {
  auto* stream = new GradientsStream(&environment_, stream_gradients_.metrics(), context);
  stream->Begin();
  return stream;
}

grpc::ServerUnaryReactor* TrainingServiceImpl::ApplyGradients(
    grpc::CallbackServerContext* context, const v1::ApplyGradientsRequest* request,
    v1::ApplyGradientsResponse* response) {
  return apply_gradients_.Start(context, request, response,
                                [this](ApplyRpcCall* call) { return QueueApplyGradients(call); });
}

absl::Status TrainingServiceImpl::QueueApplyGradients(ApplyRpcCall* call) {
  absl::StatusOr<FoundModel> found = FindLiveModel(environment_, call->request().model(), "model");
  if (!found.ok()) return found.status();
  absl::StatusOr<ApplyGradientsArguments> arguments =
      CheckApplyGradients(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  ApplyGradientsCall apply;
  apply.write = std::move(arguments->write);
  apply.write.cancellation = call->scope().cancellation();
  apply.max_staleness = arguments->max_staleness;
  apply.read = [call, context = std::move(found->context)] {
    return ReadApplyGradients(call->borrowed_request(), context);
  };
  apply.done = [call](const absl::StatusOr<SetWeightsReply>& reply) {
    if (reply.ok() && !reply->replayed) call->scope().AddTrainSteps(1);
    if (reply.ok()) WriteApplyGradientsReply(*reply, call->response());
    call->Finish(reply.status());
  };
  found->model->ApplyGradients(std::move(apply));
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* TrainingServiceImpl::CheckGradients(
    grpc::CallbackServerContext* context, const v1::CheckGradientsRequest* request,
    v1::CheckGradientsResponse* response) {
  return check_gradients_.StartOnWorker(context, request, response,
                                        [this](CheckCall* call) { return CompareGradients(call); });
}

absl::Status TrainingServiceImpl::CompareGradients(CheckCall* call) {
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<int64_t> samples = CheckCheckGradients(call->request(), found->context);
  if (!samples.ok()) return samples.status();
  const absl::StatusOr<engine::Examples> examples =
      ReadExamples(ExamplesOf(call->borrowed_request()), "examples", found->context);
  if (!examples.ok()) return examples.status();
  call->scope().AddRows(examples->rows());
  const std::shared_ptr<const Snapshot>& snapshot = found->snapshot;
  const absl::StatusOr<engine::GradientCheck> check =
      engine::CheckGradients(snapshot->network(), snapshot->state(), *examples, *samples,
                             *environment_.executor, call->cancellation());
  if (check.ok()) WriteGradientCheck(*check, snapshot->step(), call->response());
  return check.status();
}

grpc::ServerUnaryReactor* TrainingServiceImpl::Evaluate(grpc::CallbackServerContext* context,
                                                        const v1::EvaluateRequest* request,
                                                        v1::EvaluateResponse* response) {
  return evaluate_.StartOnWorker(context, request, response,
                                 [this](EvaluateCall* call) { return Measure(call); });
}

grpc::ServerBidiReactor<v1::StreamEvaluateRequest, v1::StreamEvaluateResponse>*
TrainingServiceImpl::StreamEvaluate(grpc::CallbackServerContext* context) {
  auto* stream = new EvaluateStream(&environment_, stream_evaluate_.metrics(), context);
  stream->Begin();
  return stream;
}

absl::Status TrainingServiceImpl::Measure(EvaluateCall* call) {
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<double> threshold = CheckEvaluate(call->request(), found->context);
  if (!threshold.ok()) return threshold.status();
  const absl::StatusOr<engine::Examples> examples =
      ReadExamples(ExamplesOf(call->borrowed_request()), "examples", found->context);
  if (!examples.ok()) return examples.status();
  call->scope().AddRows(examples->rows());
  const std::shared_ptr<const Snapshot>& snapshot = found->snapshot;
  const absl::StatusOr<engine::Evaluation> evaluation =
      engine::Evaluate(snapshot->network(), snapshot->predictor(), *snapshot->state().normalization,
                       *examples, *threshold, *environment_.executor, call->cancellation());
  if (evaluation.ok()) {
    WriteEvaluation(*evaluation, snapshot->settings(), snapshot->step(), examples->rows(),
                    environment_.limits.max_message_bytes, call->response());
  }
  return evaluation.status();
}

}  // namespace chainrule::server
