#include "server/rpc/predict_stream.h"

#include <algorithm>
#include <utility>

#include "server/convert/reply_size.h"
#include "server/models/errors.h"
#include "server/rpc/to_grpc_status.h"

namespace chainrule::server {
namespace {

// Enough to fill a batch while the answers of the one before are on their way.
constexpr size_t kMaxItems = 128;
constexpr int64_t kMaxItemBytes = int64_t{4} << 20;
// Of an output and its logit in an answer.
constexpr int64_t kOutputBytes = 8;
// Of a class: the message, and its name, of which the most are short.
constexpr int64_t kClassBytes = 96;

// What an answer takes in memory, about.
int64_t AnswerBytes(const PredictArguments& arguments, const engine::NetworkSpec& network) {
  return arguments.inputs.rows *
         (network.output_width() * kOutputBytes + ClassesPerRow(arguments, network) * kClassBytes);
}

Limits LimitsOfStream(Limits limits) {
  limits.max_message_bytes = MaxStreamedBytes(limits);
  return limits;
}

}  // namespace

PredictStream::PredictStream(std::unique_ptr<Wire> wire, const Environment* environment,
                             RpcMetrics* metrics)
    : StreamCall(std::move(wire), environment, metrics),
      environment_(*environment),
      limits_(LimitsOfStream(environment->limits)) {}

bool PredictStream::HasRoom() const { return items_.size() < kMaxItems && bytes_ < kMaxItemBytes; }

// An item that is there keeps the stream from ending.
void PredictStream::OnMessage(std::shared_ptr<v1::StreamPredictRequest> message) {
  auto owned = std::make_unique<Item>();
  Item* const item = owned.get();
  item->request = std::move(message);
  {
    engine::MutexLock lock(&items_mutex_);
    if (why_.has_value()) return;
    items_.push_back(std::move(owned));
  }
  absl::StatusOr<PredictCall> call = Prepare(item);
  {
    engine::MutexLock lock(&items_mutex_);
    bytes_ += item->bytes;
    held_ = !HasRoom();
    if (held_) HoldReading();
  }
  if (!call.ok()) return Answer(item, call.status());
  environment_.batcher->Predict(*std::move(call));
}

absl::StatusOr<PredictCall> PredictStream::Prepare(Item* item) {
  const v1::PredictRequest& request = item->request->request();
  if (!request.model().empty()) model_ = request.model();
  item->bytes = static_cast<int64_t>(request.ByteSizeLong());
  absl::StatusOr<Admission::Ticket> ticket = environment_.admission->Enter(item->bytes);
  if (!ticket.ok()) return ticket.status();
  item->ticket = *std::move(ticket);
  absl::StatusOr<FoundModel> found = FindReadModel(environment_, model_, "model");
  if (!found.ok()) return found.status();
  found->context.limits = &limits_;
  const absl::StatusOr<PredictArguments> arguments = CheckPredict(request, found->context);
  if (!arguments.ok()) return arguments.status();
  scope().AddRows(arguments->inputs.rows);
  item->bytes += AnswerBytes(*arguments, found->context.network());
  item->arguments = *arguments;
  item->reply.emplace(*arguments, item->response.mutable_response());
  return MakeCall(item, *std::move(found));
}

PredictCall PredictStream::MakeCall(Item* item, FoundModel found) {
  PredictCall predict;
  predict.model = std::move(found.model);
  if (found.version > 0) predict.pinned = std::move(found.snapshot);
  predict.version = found.version;
  predict.inputs = item->arguments->inputs.elements;
  predict.rows = item->arguments->inputs.rows;
  predict.place = [item](const Snapshot& snapshot, engine::MatrixView* outputs,
                         engine::MatrixView* logits) {
    item->reply->Place(snapshot.network().spec(), outputs, logits);
  };
  predict.cancellation = scope().cancellation().get();
  predict.done = [this, item, version = found.version](const absl::Status& status,
                                                       const Snapshot& snapshot) {
    if (status.ok()) item->reply->Finish(snapshot.settings(), snapshot.step(), version);
    Answer(item,
           WithNames(status, item->arguments->inputs, "inputs", snapshot.settings().feature_names));
  };
  return predict;
}

// All that is touched after the lock was released is what ends the stream, by one thread.
void PredictStream::Answer(Item* item, const absl::Status& status) {
  if (!status.ok()) {
    item->response.mutable_error()->ParseFromString(ToGrpcStatus(status).error_details());
  }
  item->ticket = Admission::Ticket();
  std::optional<absl::Status> end;
  {
    engine::MutexLock lock(&items_mutex_);
    item->answered = true;
    while (!items_.empty() && items_.front()->answered) {
      Send(std::move(items_.front()->response), Importance::kMustArrive);
      bytes_ -= items_.front()->bytes;
      items_.pop_front();
    }
    if (held_ && HasRoom()) {
      held_ = false;
      ResumeReading();
    }
    end = TakeEnd();
  }
  if (end.has_value()) End(*std::move(end));
}

std::optional<absl::Status> PredictStream::TakeEnd() {
  if (taken_ || !why_.has_value() || !items_.empty()) return std::nullopt;
  taken_ = true;
  return why_;
}

void PredictStream::OnHalfClose() { EndAfterItems(absl::OkStatus()); }

void PredictStream::OnRefused(const absl::Status& status) {
  if (!status.ok()) scope().cancellation()->Cancel(status.code());
  EndAfterItems(status);
}

void PredictStream::EndAfterItems(const absl::Status& status) {
  std::optional<absl::Status> end;
  {
    engine::MutexLock lock(&items_mutex_);
    if (!why_.has_value() || why_->ok()) why_ = status;
    end = TakeEnd();
  }
  if (end.has_value()) End(*std::move(end));
}

// What was let in is answered.
void PredictStream::EndForStop() { EndAfterItems(Stopping()); }

}  // namespace chainrule::server
