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

TrainingServiceImpl::TrainingServiceImpl(const Environment* environment, Methods* methods)
    : environment_(*environment) {
  const ServiceMethods service(environment, "chainrule.v1.TrainingService", methods);
  service.AddUnary("Train", this, &TrainingServiceImpl::Train);
  service.AddStream<FitStream>("Fit");
  service.AddWorked("GetGradients", environment->analysts, this,
                    &TrainingServiceImpl::GetGradients);
  service.AddStream<GradientsStream>("StreamGradients");
  service.AddUnary("ApplyGradients", this, &TrainingServiceImpl::ApplyGradients);
  service.AddWorked("CheckGradients", environment->checkers, this,
                    &TrainingServiceImpl::CheckGradients);
  service.AddWorked("Evaluate", environment->analysts, this, &TrainingServiceImpl::Evaluate);
  service.AddStream<EvaluateStream>("StreamEvaluate");
}

absl::Status TrainingServiceImpl::Train(TrainRpcCall* call) {
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

absl::Status TrainingServiceImpl::GetGradients(GradientsCall* call) {
  const absl::StatusOr<FoundModel> found = LoadReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<GradientsArguments> arguments =
      CheckGetGradients(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  if (absl::Status full = call->scope().Grow(arguments->reply_bytes); !full.ok()) return full;
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

absl::Status TrainingServiceImpl::ApplyGradients(ApplyRpcCall* call) {
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

absl::Status TrainingServiceImpl::CheckGradients(CheckCall* call) {
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

absl::Status TrainingServiceImpl::Evaluate(EvaluateCall* call) {
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
