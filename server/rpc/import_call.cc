#include "server/rpc/import_call.h"

#include <utility>

#include "engine/core/error.h"
#include "server/convert/models.h"
#include "server/models/errors.h"

namespace chainrule::server {

using engine::MutexLock;

// It is taken in with its header: who sends nothing takes nobody's place.
void ImportCall::Begin() {
  const absl::Status status = scope_.CheckRoom();
  environment_.streams->Add(this);
  if (!status.ok()) return EndWhileReceiving(status);
  MutexLock lock(&mutex_);
  if (receiving_) StartRead();
}

void ImportCall::OnReadDone(bool ok) {
  if (ok) {
    return TakeRequest(environment_.readers, [this](const absl::Status& status, auto message) {
      Received(status, std::move(message));
    });
  }
  absl::Status status = scope_.cancellation()->Check();
  if (status.ok()) status = CheckComplete();
  if (!status.ok()) return EndWhileReceiving(status);
  if (StopReceiving()) environment_.clerks->Submit([this] { Complete(); });
}

// Under the lock, as a server that stops may end the call meanwhile.
void ImportCall::Received(absl::Status status, std::shared_ptr<v1::ImportModelRequest> message) {
  {
    MutexLock lock(&mutex_);
    if (!receiving_) return;
    if (status.ok()) status = scope_.cancellation()->Check();
    if (status.ok()) status = Receive(std::move(message));
    if (status.ok()) return StartRead();
  }
  EndWhileReceiving(status);
}

absl::Status ImportCall::Receive(std::shared_ptr<v1::ImportModelRequest> message) {
  // As it is kept: many small messages take far more than they bring.
  const auto bytes = static_cast<int64_t>(message->SpaceUsedLong());
  if (file_.has_value()) {
    if (absl::Status status = scope_.Grow(bytes); !status.ok()) return status;
    return file_->Add(std::move(message));
  }
  if (!message->has_header()) {
    return engine::InvalidField("header", "missing; it must be the first message");
  }
  if (absl::Status status = scope_.Admit(bytes); !status.ok()) return status;
  absl::StatusOr<ImportArguments> arguments =
      CheckImportHeader(message->header(), environment_.limits);
  if (!arguments.ok()) return arguments.status();
  arguments_ = *std::move(arguments);
  file_.emplace(message->header());
  return absl::OkStatus();
}

absl::Status ImportCall::CheckComplete() const {
  if (file_.has_value()) return file_->CheckComplete();
  return engine::InvalidField("header", "missing; the stream ended without any message");
}

void ImportCall::Complete() {
  const bool is_new = !arguments_.new_id.empty();
  absl::Status status = scope_.cancellation()->Check();
  if (status.ok()) status = is_new ? Create() : QueueWeights();
  if (is_new || !status.ok()) End(status);
}

absl::Status ImportCall::Create() {
  absl::StatusOr<NewModelInput> input = ReadNewModel(*file_, arguments_, environment_.limits);
  if (!input.ok()) return input.status();
  const absl::StatusOr<Registry::Result> result = environment_.registry->CreateFrom(
      arguments_.new_id, std::move(input->settings), std::move(input->state),
      std::move(input->labels), input->request);
  if (!result.ok()) return result.status();
  if (result->replayed) scope_.MarkReplayed();
  WriteModel(result->model, &response_);
  return absl::OkStatus();
}

// The call is the queue's if this is OK.
absl::Status ImportCall::QueueWeights() {
  absl::StatusOr<FoundModel> found = FindLiveModel(environment_, arguments_.model, "header.model");
  if (!found.ok()) return found.status();
  model_ = found->model;
  const absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot = model_->Load();
  // New weights are what a damaged model needs.
  if (!snapshot.ok() && !absl::IsDataLoss(snapshot.status())) return snapshot.status();
  SetWeightsCall write;
  write.whole = true;
  write.write = arguments_.write;
  write.write.cancellation = scope_.cancellation();
  write.answers_model = true;
  write.reset_optimizer = file_->header().reset_optimizer();
  write.read = [this, context = std::move(found->context),
                normalization = model_->Describe().normalization] {
    return ReadNewWeights(*file_, context, *normalization);
  };
  write.done = [this](const absl::StatusOr<SetWeightsReply>& reply) { WeightsDone(reply); };
  found->model->SetWeights(std::move(write));
  return absl::OkStatus();
}

void ImportCall::WeightsDone(const absl::StatusOr<SetWeightsReply>& reply) {
  if (!reply.ok()) return End(reply.status());
  if (reply->replayed) scope_.MarkReplayed();
  WriteModel(AnsweredModel(*reply, *model_), &response_);
  End(absl::OkStatus());
}

void ImportCall::EndForStop() { EndWhileReceiving(Stopping()); }

bool ImportCall::StopReceiving() {
  MutexLock lock(&mutex_);
  return std::exchange(receiving_, false);
}

void ImportCall::EndWhileReceiving(const absl::Status& status) {
  if (StopReceiving()) End(status);
}

void ImportCall::End(const absl::Status& status) {
  const grpc::Status result = scope_.End(status);
  if (!result.ok()) return Finish(result);
  WriteAndFinish(response_, result);
}

void ImportCall::OnDone() {
  environment_.streams->Remove(this);
  delete this;
}

}  // namespace chainrule::server
