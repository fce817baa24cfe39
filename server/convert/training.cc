#include "server/convert/training.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/core/error.h"
#include "server/convert/digest.h"
#include "server/convert/enums.h"
#include "server/convert/evaluation.h"
#include "server/convert/examples.h"
#include "server/convert/names.h"
#include "server/convert/ranges.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

constexpr int64_t kFitBatchSize = 32;
constexpr size_t kMaxReports = 1000;
// All that a reply, or a report, has beside its reports, or its metrics.
constexpr int64_t kFigureBytes = 256;
constexpr int64_t kLengthBytes = 8;

// What Train's request and Fit's header have in common, which is most of both.
template <typename Message>
class ArgumentsReader {
 public:
  // `prefix` is "" or ends with a dot.
  ArgumentsReader(const Message& message, absl::string_view prefix)
      : message_(message), prefix_(prefix) {}

  absl::StatusOr<TrainArguments> Read(const Limits& limits) {
    auto request_id = ParseRequestId(message_.request_id(), Path("request_id"));
    if (!request_id.ok()) return request_id.status();
    arguments_.write.request_id = *std::move(request_id);
    ReadIfStep();
    ReadAmounts();
    ReadLearningRate();
    ReadTimeLimit();
    if (!violations_.empty()) return violations_.ToStatus();
    if (message_.epochs() > limits.max_epochs) {
      return engine::LimitExceeded(Path("epochs"), "max_epochs", message_.epochs(),
                                   limits.max_epochs);
    }
    return std::move(arguments_);
  }

 private:
  std::string Path(absl::string_view name) const { return absl::StrCat(prefix_, name); }

  void ReadIfStep() {
    if (!message_.has_if_step()) return;
    CheckAtLeast(message_.if_step(), 0, Path("if_step"), &violations_);
    arguments_.write.if_step = message_.if_step();
  }

  void ReadAmounts() {
    CheckAtLeast(message_.epochs(), 0, Path("epochs"), &violations_);
    CheckAtLeast(message_.batch_size(), 0, Path("batch_size"), &violations_);
    arguments_.options.epochs = std::max<int64_t>(message_.epochs(), 1);
    arguments_.options.batch_size = message_.batch_size();
    arguments_.options.keep_order = message_.keep_order();
    arguments_.options.fit_normalization = message_.fit_normalization();
  }

  void ReadLearningRate() {
    if (!message_.has_learning_rate()) return;
    CheckFloat(message_.learning_rate(), kPositive, Path("learning_rate"), &violations_);
    arguments_.options.learning_rate = message_.learning_rate();
  }

  void ReadTimeLimit() {
    if (!message_.has_time_limit()) return;
    // Duration's own bounds, 10,000 years; with them the sum below cannot overflow.
    constexpr int64_t kMaxSeconds = 315'576'000'000;
    constexpr int32_t kMaxNanos = 999'999'999;
    const int64_t seconds = message_.time_limit().seconds();
    const int32_t nanos = message_.time_limit().nanos();
    const bool valid = seconds >= 0 && seconds <= kMaxSeconds && nanos >= 0 && nanos <= kMaxNanos;
    if (!valid || (seconds == 0 && nanos == 0)) {
      violations_.Add(Path("time_limit"),
                      absl::StrCat(seconds, " s and ", nanos,
                                   " ns; must be a valid duration above 0, of at most ",
                                   kMaxSeconds, " s and ", kMaxNanos, " ns"));
      return;
    }
    arguments_.options.time_limit = absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  }

  const Message& message_;
  const std::string prefix_;
  Violations violations_;
  TrainArguments arguments_;
};

engine::EarlyStopping ReadEarlyStopping(const v1::EarlyStopping& message, Violations* violations) {
  CheckAtLeast(message.patience(), 1, "header.early_stopping.patience", violations);
  CheckDouble(message.min_delta(), kNotNegative, "header.early_stopping.min_delta", violations);
  return {message.patience(), message.min_delta(), message.restore_best()};
}

// From the last one backwards, as far as there is room.
void WriteReports(const std::vector<engine::EpochReport>& reports, const ModelSettings& settings,
                  int64_t room, google::protobuf::RepeatedPtrField<v1::EpochReport>* messages) {
  const size_t skipped = reports.size() - std::min(reports.size(), kMaxReports);
  for (size_t i = reports.size(); i > skipped; --i) {
    v1::EpochReport* const message = messages->Add();
    WriteEpochReport(reports[i - 1], settings, room, message);
    room -= static_cast<int64_t>(message->ByteSizeLong()) + kLengthBytes;
    if (room < 0) {
      messages->RemoveLast();
      break;
    }
  }
  std::reverse(messages->pointer_begin(), messages->pointer_end());
}

ContentDigest DigestTrain(const v1::TrainRequest& request, const engine::Examples& examples) {
  Digest digest;
  digest.AddDigest(DigestMessage(request, {"examples"}));
  RowsDigest rows;
  for (const engine::ExampleChunk& chunk : examples.chunks()) rows.Add(chunk);
  digest.AddDigest(rows.Finish());
  return digest.Finish();
}

}  // namespace

absl::StatusOr<TrainArguments> CheckTrain(const v1::TrainRequest& request,
                                          const ModelContext& model) {
  absl::StatusOr<TrainArguments> arguments =
      ArgumentsReader<v1::TrainRequest>(request, "").Read(*model.limits);
  if (!arguments.ok()) return arguments;
  const auto rows = CheckSomeExamples(request.examples(), "examples", model);
  if (!rows.ok()) return rows.status();
  return arguments;
}

absl::StatusOr<TrainInput> ReadTrain(std::shared_ptr<const v1::TrainRequest> request,
                                     const ModelContext& model) {
  absl::StatusOr<engine::Examples> examples = ReadExamples(ExamplesOf(request), "examples", model);
  if (!examples.ok()) return examples.status();
  TrainInput input{*std::move(examples), std::nullopt, {}};
  if (!request->request_id().empty()) input.digest = DigestTrain(*request, input.examples);
  return input;
}

absl::StatusOr<TrainArguments> CheckFitHeader(const v1::FitHeader& header,
                                              const ModelContext& model) {
  absl::StatusOr<TrainArguments> arguments =
      ArgumentsReader<v1::FitHeader>(header, "header.").Read(*model.limits);
  if (!arguments.ok()) return arguments;
  engine::TrainOptions& options = arguments->options;
  if (header.batch_size() == 0) options.batch_size = kFitBatchSize;
  Violations violations;
  options.validation_fraction = header.validation_fraction();
  CheckDouble(options.validation_fraction, kBelowOne, "header.validation_fraction", &violations);
  if (header.has_early_stopping()) {
    options.early_stopping = ReadEarlyStopping(header.early_stopping(), &violations);
  }
  if (!violations.empty()) return violations.ToStatus();
  return arguments;
}

void WriteTrainReply(const TrainReply& reply, const ModelSettings& settings, int64_t most_bytes,
                     v1::TrainResponse* response) {
  const engine::TrainResult& result = reply.result;
  response->set_loss(result.loss);
  WriteReports(result.epochs, settings, most_bytes - kFigureBytes, response->mutable_epochs());
  if (result.best_epoch) response->set_best_epoch(*result.best_epoch);
  response->set_stop_reason(WriteStopReason(result.stop_reason));
  response->set_steps_taken(result.steps_taken);
  response->set_model_step(reply.model_step);
  response->set_durable_step(reply.durable_step);
  response->set_replayed(reply.replayed);
}

void WriteEpochReport(const engine::EpochReport& report, const ModelSettings& settings,
                      int64_t most_bytes, v1::EpochReport* message) {
  message->set_epoch(report.epoch);
  message->set_loss(report.loss);
  if (report.validation_loss) message->set_validation_loss(*report.validation_loss);
  if (report.validation_metrics) {
    WriteMetrics(*report.validation_metrics, settings, most_bytes - kFigureBytes,
                 message->mutable_validation_metrics());
  }
  message->set_learning_rate(report.learning_rate);
  message->set_gradient_norm(report.gradient_norm);
  message->set_rows_per_second(report.rows_per_second);
  message->set_model_step(report.model_step);
}

}  // namespace chainrule::server
