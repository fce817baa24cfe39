#include "server/rpc/evaluate_stream.h"

#include <utility>

#include "engine/core/error.h"
#include "server/convert/examples.h"
#include "server/convert/reply_size.h"
#include "server/convert/violations.h"

namespace chainrule::server {

absl::StatusOr<EvaluateStream::Next> EvaluateStream::Work(Message message) {
  const int64_t number = messages_++;
  if (number == 0) {
    if (absl::Status status = ReadHeader(*message); !status.ok()) return status;
    return Next::kEnd;
  }
  if (!message->has_examples()) {
    return InMessage(number, NoExamples(message->has_header()));
  }
  const absl::Status status = Measure(std::move(message));
  if (!status.ok()) return InMessage(number, status);
  v1::StreamEvaluateResponse response;
  response.set_rows_received(rows_);
  Send(std::move(response), Importance::kMustArrive);
  return Next::kEnd;
}

absl::Status EvaluateStream::ReadHeader(const v1::StreamEvaluateRequest& message) {
  if (!message.has_header()) {
    return engine::InvalidField("header", "missing; it must be the first message");
  }
  absl::StatusOr<FoundModel> found =
      LoadReadModel(environment_, message.header().model(), "header.model");
  if (!found.ok()) return found.status();
  const absl::StatusOr<double> threshold = CheckEvaluateHeader(message.header());
  if (!threshold.ok()) return threshold.status();
  model_ = *std::move(found);
  const Snapshot& snapshot = *model_->snapshot;
  evaluator_.emplace(snapshot.network(), snapshot.predictor(), *snapshot.state().normalization,
                     *threshold, *environment_.executor);
  return absl::OkStatus();
}

absl::Status EvaluateStream::Measure(Message message) {
  absl::StatusOr<engine::ExampleChunk> chunk =
      ReadExampleChunk(ExamplesOf(std::shared_ptr<const v1::StreamEvaluateRequest>(message)),
                       "examples", model_->context);
  if (!chunk.ok()) return chunk.status();
  rows_ += chunk->rows;
  scope().AddRows(chunk->rows);
  const engine::NetworkSpec& network = model_->context.network();
  engine::Examples examples(network.input_width, network.output_width());
  examples.Append(*std::move(chunk));
  const int64_t before = evaluator_->kept_bytes();
  if (absl::Status status = evaluator_->Add(examples, *scope().cancellation()); !status.ok()) {
    return status;
  }
  return Keep(evaluator_->kept_bytes() - before);
}

absl::StatusOr<EvaluateStream::Next> EvaluateStream::Complete() {
  if (!evaluator_.has_value()) {
    return engine::InvalidField("header", "missing; the stream ended without any message");
  }
  if (absl::Status sum = CheckWeightSum(rows_, evaluator_->weight_sum(), "examples"); !sum.ok()) {
    return sum;
  }
  const absl::StatusOr<engine::Evaluation> evaluation = evaluator_->Finish(*scope().cancellation());
  if (!evaluation.ok()) return evaluation.status();
  v1::StreamEvaluateResponse response;
  const Snapshot& snapshot = *model_->snapshot;
  WriteEvaluation(*evaluation, snapshot.settings(), snapshot.step(), rows_,
                  MaxStreamedBytes(environment_.limits), response.mutable_result());
  Send(std::move(response), Importance::kMustArrive);
  return Next::kEnd;
}

}  // namespace chainrule::server
