#include "server/rpc/fit_stream.h"

#include <utility>

#include "engine/core/error.h"
#include "server/rpc/find_model.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::server {

bool FitStream::EnterPhase(Phase from, Phase to) {
  engine::MutexLock lock(&phase_mutex_);
  if (phase_ != from) return false;
  phase_ = to;
  return true;
}

void FitStream::EndUnlessTraining(const absl::Status& status) {
  if (EnterPhase(Phase::kReceiving, Phase::kEnded) ||
      EnterPhase(Phase::kConfirming, Phase::kEnded)) {
    End(status);
  }
}

void FitStream::EndForStop() {
  EndUnlessTraining(Error(absl::StatusCode::kUnavailable, v1::ERROR_REASON_STOPPING,
                          "the server is stopping; nothing was learned from these rows"));
}

void FitStream::OnMessage(std::shared_ptr<v1::FitRequest> message) {
  const absl::Status status = Receive(std::move(message));
  if (!status.ok()) EndUnlessTraining(status);
}

absl::Status FitStream::Receive(std::shared_ptr<v1::FitRequest> message) {
  if (!rows_.has_value()) {
    if (!message->has_header()) {
      return engine::InvalidField("header", "missing; it must be the first message");
    }
    return ReceiveHeader(message->header());
  }
  const int64_t bytes_before = rows_->bytes();
  if (absl::Status status = rows_->Add(std::move(message)); !status.ok()) return status;
  const absl::Status grown = scope().Grow(rows_->bytes() - bytes_before);
  if (!grown.ok()) return grown;
  SendRowsReceived(Importance::kMustArrive);
  return absl::OkStatus();
}

void FitStream::SendRowsReceived(Importance importance) {
  v1::FitResponse response;
  response.set_rows_received(rows_->rows_received());
  Send(std::move(response), importance);
}

absl::Status FitStream::ReceiveHeader(const v1::FitHeader& header) {
  absl::StatusOr<FoundModel> found = FindLiveModel(environment_, header.model(), "header.model");
  if (!found.ok()) return found.status();
  absl::StatusOr<TrainArguments> arguments = CheckFitHeader(header, found->context);
  if (!arguments.ok()) return arguments.status();
  arguments_ = *std::move(arguments);
  model_ = std::move(found->model);
  settings_ = found->context.settings;
  rows_.emplace(header, std::move(found->context));
  return absl::OkStatus();
}

absl::Status FitStream::CheckComplete() const {
  if (!rows_.has_value()) {
    return engine::InvalidField("header", "missing; the stream ended without any message");
  }
  return rows_->CheckComplete();
}

void FitStream::OnHalfClose() {
  const absl::Status status = CheckComplete();
  if (!status.ok()) return EndUnlessTraining(status);
  if (EnterPhase(Phase::kReceiving, Phase::kConfirming)) SendRowsReceived(Importance::kConfirms);
}

void FitStream::OnConfirmed() {
  if (EnterPhase(Phase::kConfirming, Phase::kTraining)) Train();
}

void FitStream::Train() {
  scope().AddRows(rows_->rows_received());
  TrainCall call;
  call.write = std::move(arguments_.write);
  call.write.cancellation = scope().cancellation();
  call.options = arguments_.options;
  call.read = [this] { return ReadRows(); };
  call.on_epoch = [this](const engine::EpochReport& report) { Report(report); };
  call.done = [this](absl::StatusOr<TrainReply> reply) { Done(std::move(reply)); };
  model_->Train(std::move(call));
}

absl::StatusOr<TrainInput> FitStream::ReadRows() {
  if (absl::Status status = scope().cancellation()->Check(); !status.ok()) return status;
  return rows_->Read();
}

void FitStream::Report(const engine::EpochReport& report) {
  v1::FitResponse response;
  WriteEpochReport(report, *settings_, response.mutable_epoch_report());
  Send(std::move(response), Importance::kDroppable);
}

void FitStream::Done(absl::StatusOr<TrainReply> reply) {
  if (!reply.ok()) return End(reply.status());
  if (!reply->replayed) scope().AddTrainSteps(reply->result.steps_taken);
  v1::FitResponse response;
  WriteTrainReply(*reply, *settings_, response.mutable_result());
  Send(std::move(response), Importance::kMustArrive);
  End(absl::OkStatus());
}

}  // namespace chainrule::server
