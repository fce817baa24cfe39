#include "server/rpc/fit_stream.h"

#include <utility>

#include "engine/core/error.h"
#include "server/convert/reply_size.h"
#include "server/rpc/find_model.h"
#include "server/rpc/to_grpc_status.h"
#include "server/store/file_spool.h"

namespace chainrule::server {

void FitStream::EndForStop() {
  OnRefused(Error(absl::StatusCode::kUnavailable, v1::ERROR_REASON_STOPPING,
                  "the server is stopping; nothing was learned from these rows"));
}

absl::StatusOr<FitStream::Next> FitStream::Work(Message message) {
  const absl::Status status =
      rows_.has_value() ? AddRows(std::move(message)) : ReceiveHeader(*message);
  if (!status.ok()) return status;
  return Next::kEnd;
}

absl::Status FitStream::AddRows(Message message) {
  const int64_t before = rows_->memory();
  if (absl::Status status = rows_->Add(std::move(message)); !status.ok()) return status;
  absl::Status kept = Keep(rows_->memory() - before);
  if (kept.ok()) SendRowsReceived(Importance::kMustArrive);
  return kept;
}

void FitStream::SendRowsReceived(Importance importance) {
  v1::FitResponse response;
  response.set_rows_received(rows_->rows_received());
  Send(std::move(response), importance);
}

absl::Status FitStream::ReceiveHeader(const v1::FitRequest& message) {
  if (!message.has_header()) {
    return engine::InvalidField("header", "missing; it must be the first message");
  }
  const v1::FitHeader& header = message.header();
  absl::StatusOr<FoundModel> found = FindLiveModel(environment_, header.model(), "header.model");
  if (!found.ok()) return found.status();
  absl::StatusOr<TrainArguments> arguments = CheckFitHeader(header, found->context);
  if (!arguments.ok()) return arguments.status();
  arguments_ = *std::move(arguments);
  model_ = std::move(found->model);
  settings_ = found->context.settings;
  rows_.emplace(header, std::move(found->context), environment_.fit_memory,
                [this](const engine::NetworkSpec& network) {
                  return FileSpool::Create(environment_.spool_folder, network.input_width,
                                           network.output_width());
                });
  return absl::OkStatus();
}

absl::StatusOr<FitStream::Next> FitStream::Complete() {
  if (!rows_.has_value()) {
    return engine::InvalidField("header", "missing; the stream ended without any message");
  }
  if (absl::Status status = rows_->CheckComplete(); !status.ok()) return status;
  if (!HandOver()) return Next::kAgain;
  SendRowsReceived(Importance::kConfirms);
  return Next::kHandedOver;
}

void FitStream::OnConfirmed() {
  if (TakeOver()) Train();
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
  WriteEpochReport(report, *settings_, MaxStreamedBytes(environment_.limits),
                   response.mutable_epoch_report());
  Send(std::move(response), Importance::kDroppable);
}

void FitStream::Done(absl::StatusOr<TrainReply> reply) {
  if (!reply.ok()) return End(reply.status());
  if (!reply->replayed) scope().AddTrainSteps(reply->result.steps_taken);
  v1::FitResponse response;
  WriteTrainReply(*reply, *settings_, MaxStreamedBytes(environment_.limits),
                  response.mutable_result());
  Send(std::move(response), Importance::kMustArrive);
  End(absl::OkStatus());
}

}  // namespace chainrule::server
