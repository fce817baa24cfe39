#include "server/rpc/gradients_stream.h"

#include <algorithm>
#include <utility>

#include "engine/core/error.h"
#include "server/convert/examples.h"
#include "server/convert/tensors.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

// Of one message, with its envelope.
constexpr int64_t kMessageBytes = int64_t{1} << 20;
constexpr int64_t kEnvelopeBytes = 256;
constexpr int kPartsAtATime = 4;

}  // namespace

GradientsStream::GradientsStream(std::unique_ptr<Wire> wire, const Environment* environment,
                                 RpcMetrics* metrics)
    : WorkedStream(std::move(wire), environment, metrics, environment->streamers),
      environment_(*environment),
      part_elements_(std::max<int64_t>(
          1, (std::min(kMessageBytes, environment->limits.max_message_bytes) - kEnvelopeBytes) /
                 int64_t{sizeof(float)})) {}

absl::StatusOr<GradientsStream::Next> GradientsStream::Work(Message message) {
  if (messages_ == 0) {
    ++messages_;
    if (absl::Status status = ReadHeader(*message); !status.ok()) return status;
    return Next::kEnd;
  }
  absl::Status status;
  if (!chunk_.has_value()) status = ReadRows(std::move(message));
  if (status.ok()) status = AddRows();
  if (!status.ok()) return InMessage(messages_, status);
  if (added_ < chunk_->rows) return Next::kAgain;
  rows_ += chunk_->rows;
  chunk_.reset();
  ++messages_;
  v1::StreamGradientsResponse response;
  response.set_rows_received(rows_);
  Send(std::move(response), Importance::kMustArrive);
  return Next::kEnd;
}

absl::Status GradientsStream::ReadHeader(const v1::StreamGradientsRequest& message) {
  if (!message.has_header()) {
    return engine::InvalidField("header", "missing; it must be the first message");
  }
  absl::StatusOr<FoundModel> found =
      LoadReadModel(environment_, message.header().model(), "header.model");
  if (!found.ok()) return found.status();
  absl::StatusOr<GradientsArguments> arguments =
      CheckGradientsHeader(message.header(), found->context);
  if (!arguments.ok()) return Under("header", arguments.status());
  arguments_ = *std::move(arguments);
  model_ = *std::move(found);
  const Snapshot& snapshot = *model_->snapshot;
  const std::vector<int64_t> layers =
      arguments_.parameters ? arguments_.layers : std::vector<int64_t>();
  absl::Status kept = Keep(engine::GradientSums::MemoryBytes(snapshot.network(), layers));
  if (!kept.ok()) return kept;
  sums_.emplace(snapshot.network(), snapshot.state(), layers);
  return absl::OkStatus();
}

absl::Status GradientsStream::ReadRows(Message message) {
  if (!message->has_examples()) return NoExamples(message->has_header());
  absl::StatusOr<engine::ExampleChunk> chunk =
      ReadExampleChunk(ExamplesOf(std::shared_ptr<const v1::StreamGradientsRequest>(message)),
                       "examples", model_->context);
  if (!chunk.ok()) return chunk.status();
  scope().AddRows(chunk->rows);
  chunk_ = *std::move(chunk);
  added_ = 0;
  return absl::OkStatus();
}

// All rows of the message at once; or, where each is answered, as many as one answer holds.
absl::Status GradientsStream::AddRows() {
  const int64_t columns = model_->context.network().input_width;
  const int64_t most =
      arguments_.inputs ? std::max<int64_t>(part_elements_ / columns, 1) : chunk_->rows;
  const int64_t count = std::min(most, chunk_->rows - added_);
  absl::Status status = AddBlock(Rows(*chunk_, added_, count));
  if (status.ok()) added_ += count;
  return status;
}

absl::Status GradientsStream::AddBlock(const engine::ExampleChunk& block) {
  const engine::NetworkSpec& network = model_->context.network();
  engine::Examples examples(network.input_width, network.output_width());
  examples.Append(block);
  v1::StreamGradientsResponse response;
  engine::MatrixView inputs;
  if (arguments_.inputs && block.rows > 0) {
    inputs = PlaceMatrix(block.rows, network.input_width, arguments_.encoding,
                         response.mutable_input_gradients());
  }
  absl::Status status =
      sums_->Add(examples, inputs, *environment_.executor, *scope().cancellation());
  if (status.ok() && inputs.data != nullptr) {
    Send(std::move(response), Importance::kMustArrive);
  }
  return status;
}

absl::StatusOr<GradientsStream::Next> GradientsStream::Complete() {
  if (!sums_.has_value()) {
    return engine::InvalidField("header", "missing; the stream ended without any message");
  }
  if (!summary_sent_) {
    const double weight_sum = sums_->summary().weight_sum;
    if (absl::Status sum = CheckWeightSum(rows_, weight_sum, "examples"); !sum.ok()) return sum;
    SendSummary();
  }
  for (int i = 0; i < kPartsAtATime && tensor_ < sums_->tensors().size(); ++i) SendPart();
  return tensor_ < sums_->tensors().size() ? Next::kAgain : Next::kEnd;
}

void GradientsStream::SendSummary() {
  summary_sent_ = true;
  const engine::GradientSummary sums = sums_->summary();
  v1::StreamGradientsResponse response;
  v1::GradientSummary* summary = response.mutable_summary();
  summary->set_loss(sums.loss);
  summary->set_penalty(sums.penalty);
  summary->set_weight_sum(sums.weight_sum);
  summary->set_model_step(model_->snapshot->step());
  summary->set_rows(rows_);
  Send(std::move(response), Importance::kMustArrive);
}

void GradientsStream::SendPart() {
  const engine::GradientSums::Tensor& tensor = sums_->tensors()[tensor_];
  const int64_t count = std::min(part_elements_, tensor.size - offset_);
  v1::StreamGradientsResponse response;
  v1::GradientPart* part = response.mutable_part();
  part->set_layer_index(static_cast<int32_t>(tensor.layer));
  part->set_is_bias(tensor.is_bias);
  part->set_offset(offset_);
  const engine::MatrixView place =
      PlaceVector(count, arguments_.encoding, part->mutable_elements());
  sums_->Copy(tensor_, offset_, place.row(0));
  Send(std::move(response), Importance::kMustArrive);
  offset_ += count;
  if (offset_ < tensor.size) return;
  offset_ = 0;
  ++tensor_;
}

}  // namespace chainrule::server
