#include "server/rpc/prediction_service.h"

#include <memory>
#include <utility>

#include "server/convert/prediction.h"
#include "server/rpc/find_model.h"
#include "server/rpc/predict_stream.h"

namespace chainrule::server {
namespace {

// What a prediction keeps until its batch has run.
struct Pending {
  Pending(const PredictArguments& predict_arguments, v1::PredictResponse* response)
      : arguments(predict_arguments), reply(predict_arguments, response) {}

  PredictArguments arguments;
  PredictionReply reply;
};

}  // namespace

PredictionServiceImpl::PredictionServiceImpl(const Environment* environment, Methods* methods)
    : environment_(*environment) {
  const ServiceMethods service(environment, "chainrule.v1.PredictionService", methods);
  service.AddUnary("Predict", this, &PredictionServiceImpl::Predict);
  service.AddStream<PredictStream>("StreamPredict");
}

absl::Status PredictionServiceImpl::Predict(PredictRpcCall* call) {
  absl::StatusOr<FoundModel> found = FindReadModel(environment_, call->request().model());
  if (!found.ok()) return found.status();
  const absl::StatusOr<PredictArguments> arguments = CheckPredict(call->request(), found->context);
  if (!arguments.ok()) return arguments.status();
  if (absl::Status full = call->scope().Grow(arguments->reply_bytes); !full.ok()) return full;
  call->scope().AddRows(arguments->inputs.rows);
  auto pending = std::make_shared<Pending>(*arguments, call->response());
  PredictCall predict;
  predict.model = std::move(found->model);
  if (found->version > 0) predict.pinned = std::move(found->snapshot);
  predict.version = found->version;
  predict.inputs = arguments->inputs.elements;
  predict.rows = arguments->inputs.rows;
  predict.reply_bytes = arguments->reply_bytes;
  predict.place = [pending](const Snapshot& snapshot, engine::MatrixView* outputs,
                            engine::MatrixView* logits) {
    pending->reply.Place(snapshot.network().spec(), outputs, logits);
  };
  predict.cancellation = &call->cancellation();
  predict.done = [call, pending, version = found->version](const absl::Status& status,
                                                           const Snapshot& snapshot) {
    if (status.ok()) pending->reply.Finish(snapshot.settings(), snapshot.step(), version);
    call->Finish(
        WithNames(status, pending->arguments.inputs, "inputs", snapshot.settings().feature_names));
  };
  environment_.batcher->Predict(std::move(predict));
  return absl::OkStatus();
}

}  // namespace chainrule::server
