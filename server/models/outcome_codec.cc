#include "server/models/outcome_codec.h"

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "server/models/description_codec.h"
#include "server/models/state_codec.h"

namespace chainrule::server {
namespace {

using engine::EpochReport;
using engine::Metrics;
using engine::Network;
using engine::TrainProgress;
using engine::TrainResult;

constexpr uint32_t kWindowFormat = 1;
// In the place of an outcome's index: a SetWeightsReply with the model.
constexpr uint8_t kReplyWithModel = 4;

// In the place of whether a report has metrics: 0 and 1 are all that was written before it
// was kept whether their AUC is binned.
enum class HasMetrics : uint8_t { kNo, kYes, kYesWithBinnedAuc };

HasMetrics Which(const std::optional<Metrics>& metrics) {
  if (!metrics.has_value()) return HasMetrics::kNo;
  return metrics->roc_auc_binned ? HasMetrics::kYesWithBinnedAuc : HasMetrics::kYes;
}

// All but whether the AUC is binned, which HasMetrics says.
void PutMetrics(const Metrics& metrics, ByteWriter* writer) {
  for (const auto& value :
       {metrics.accuracy, metrics.precision, metrics.recall, metrics.f1, metrics.roc_auc,
        metrics.mean_absolute_error, metrics.root_mean_squared_error, metrics.r_squared}) {
    writer->PutOptional(value);
  }
  writer->Put(metrics.classes);
  writer->PutVector(metrics.confusion);
}

Metrics GetMetrics(ByteReader* reader) {
  Metrics metrics;
  for (auto* value :
       {&metrics.accuracy, &metrics.precision, &metrics.recall, &metrics.f1, &metrics.roc_auc,
        &metrics.mean_absolute_error, &metrics.root_mean_squared_error, &metrics.r_squared}) {
    *value = reader->GetOptional<double>();
  }
  metrics.classes = reader->Get<int64_t>();
  metrics.confusion = reader->GetVector<double>();
  return metrics;
}

void PutReport(const EpochReport& report, ByteWriter* writer) {
  writer->Put(report.epoch);
  writer->Put(report.loss);
  writer->PutOptional(report.validation_loss);
  writer->PutEnum(Which(report.validation_metrics));
  if (report.validation_metrics.has_value()) PutMetrics(*report.validation_metrics, writer);
  writer->Put(report.learning_rate);
  writer->Put(report.gradient_norm);
  writer->Put(report.rows_per_second);
  writer->Put(report.model_step);
}

EpochReport GetReport(ByteReader* reader) {
  EpochReport report;
  report.epoch = reader->Get<int64_t>();
  report.loss = reader->Get<double>();
  report.validation_loss = reader->GetOptional<double>();
  const HasMetrics metrics = reader->GetEnum(HasMetrics::kYesWithBinnedAuc);
  if (metrics != HasMetrics::kNo) {
    report.validation_metrics = GetMetrics(reader);
    report.validation_metrics->roc_auc_binned = metrics == HasMetrics::kYesWithBinnedAuc;
  }
  report.learning_rate = reader->Get<double>();
  report.gradient_norm = reader->Get<double>();
  report.rows_per_second = reader->Get<double>();
  report.model_step = reader->Get<int64_t>();
  return report;
}

void PutResult(const TrainResult& result, ByteWriter* writer) {
  writer->Put(result.loss);
  writer->Put<uint64_t>(result.epochs.size());
  for (const EpochReport& report : result.epochs) PutReport(report, writer);
  writer->PutOptional(result.best_epoch);
  writer->PutEnum(result.stop_reason);
  writer->Put(result.steps_taken);
}

TrainResult GetResult(ByteReader* reader) {
  constexpr size_t kReportBytes = 50;  // at least
  TrainResult result;
  result.loss = reader->Get<double>();
  result.epochs.resize(reader->GetCount(kReportBytes));
  for (EpochReport& report : result.epochs) report = GetReport(reader);
  result.best_epoch = reader->GetOptional<int64_t>();
  result.stop_reason = reader->GetEnum(engine::StopReason::kTimeLimit);
  result.steps_taken = reader->Get<int64_t>();
  return result;
}

void PutProgress(const Network& network, const TrainProgress& progress, ByteWriter* writer) {
  writer->Put(progress.first_step);
  writer->Put(progress.epoch);
  writer->Put(progress.batch);
  writer->Put(progress.loss_sum);
  writer->Put(progress.weight_sum);
  writer->Put(progress.learning_rate);
  writer->Put(progress.gradient_norm);
  PutResult(progress.result, writer);
  writer->PutOptional(progress.best_loss);
  writer->PutBool(progress.best_state.has_value());
  if (progress.best_state.has_value()) PutState(network, *progress.best_state, writer);
  writer->Put(progress.epochs_since_best);
}

TrainProgress GetProgress(const Network& network, ByteReader* reader) {
  TrainProgress progress;
  progress.first_step = reader->Get<int64_t>();
  progress.epoch = reader->Get<int64_t>();
  progress.batch = reader->Get<int64_t>();
  if (progress.first_step < 0 || progress.epoch < 0 || progress.batch < 0) reader->Fail();
  progress.loss_sum = reader->Get<double>();
  progress.weight_sum = reader->Get<double>();
  progress.learning_rate = reader->Get<double>();
  progress.gradient_norm = reader->Get<double>();
  progress.result = GetResult(reader);
  progress.best_loss = reader->GetOptional<double>();
  if (reader->GetBool()) progress.best_state = GetState(network, reader);
  progress.epochs_since_best = reader->Get<int64_t>();
  return progress;
}

SetWeightsReply GetReplyWithModel(ByteReader* reader) {
  SetWeightsReply reply{.model_step = reader->Get<int64_t>()};
  absl::StatusOr<LifecycleOutcome> outcome = DecodeLifecycle(reader->GetText());
  if (outcome.ok()) {
    reply.model = std::make_shared<const ModelDescription>(std::move(outcome->model));
  } else {
    reader->Fail();
  }
  return reply;
}

}  // namespace

void PutStatus(const absl::Status& status, ByteWriter* writer) {
  writer->Put(static_cast<uint8_t>(status.code()));
  writer->PutText(status.message());
  std::map<std::string, std::string> payloads;  // a status gives them in any order
  status.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { payloads.emplace(type, payload); });
  writer->Put<uint64_t>(payloads.size());
  for (const auto& [type, payload] : payloads) {
    writer->PutText(type);
    writer->PutText(payload);
  }
}

absl::Status GetStatus(ByteReader* reader) {
  constexpr size_t kPayloadBytes = 16;  // at least
  const auto code = reader->Get<uint8_t>();
  if (code > static_cast<uint8_t>(absl::StatusCode::kUnauthenticated)) reader->Fail();
  absl::Status status(static_cast<absl::StatusCode>(code), reader->GetText());
  for (uint64_t left = reader->GetCount(kPayloadBytes); left > 0; --left) {
    const absl::string_view type = reader->GetText();
    const absl::Cord payload(reader->GetText());
    if (reader->ok()) status.SetPayload(type, payload);
  }
  if (status.ok()) reader->Fail();  // an outcome that is OK is a reply
  return status;
}

void PutOutcome(const Network& network, const WriteOutcome& outcome, ByteWriter* writer) {
  const auto* answer = std::get_if<SetWeightsReply>(&outcome);
  if (answer != nullptr && answer->model != nullptr) {
    writer->Put(kReplyWithModel);
    writer->Put(answer->model_step);
    return writer->PutText(EncodeLifecycle({*answer->model, {}}));
  }
  writer->Put(static_cast<uint8_t>(outcome.index()));
  if (const auto* train = std::get_if<TrainReply>(&outcome)) {
    PutResult(train->result, writer);
    writer->Put(train->model_step);
  } else if (const auto* set = std::get_if<SetWeightsReply>(&outcome)) {
    writer->Put(set->model_step);
  } else if (const auto* progress = std::get_if<TrainProgress>(&outcome)) {
    PutProgress(network, *progress, writer);
  } else {
    PutStatus(std::get<absl::Status>(outcome), writer);
  }
}

WriteOutcome GetOutcome(const Network& network, ByteReader* reader) {
  switch (reader->Get<uint8_t>()) {
    case 0: {
      TrainReply reply;
      reply.result = GetResult(reader);
      reply.model_step = reader->Get<int64_t>();
      return reply;
    }
    case 1:
      return SetWeightsReply{.model_step = reader->Get<int64_t>()};
    case 2:
      return GetProgress(network, reader);
    case 3:
      return GetStatus(reader);
    case kReplyWithModel:
      return GetReplyWithModel(reader);
    default:
      reader->Fail();
      return absl::Status();
  }
}

std::string EncodeWindow(const Network& network, const WriteWindow& window) {
  ByteWriter writer;
  writer.Put(kWindowFormat);
  writer.PutTime(window.forgotten_until());
  writer.Put<uint64_t>(static_cast<uint64_t>(window.size()));
  window.ForEach([&](const std::string& id, const ContentDigest& digest, absl::Time time,
                     const WriteOutcome& outcome) {
    writer.PutText(id);
    writer.Put(digest[0]);
    writer.Put(digest[1]);
    writer.PutTime(time);
    PutOutcome(network, outcome, &writer);
  });
  return writer.Take();
}

absl::Status DecodeWindow(const Network& network, absl::string_view bytes, WriteWindow* window) {
  if (bytes.empty()) return absl::OkStatus();
  constexpr size_t kEntryBytes = 40;  // at least
  ByteReader reader(bytes);
  if (reader.Get<uint32_t>() != kWindowFormat) reader.Fail();
  const absl::Time forgotten_until = reader.GetTime();
  for (uint64_t left = reader.GetCount(kEntryBytes); left > 0 && reader.ok(); --left) {
    const std::string id(reader.GetText());
    const ContentDigest digest = {reader.Get<uint64_t>(), reader.Get<uint64_t>()};
    const absl::Time time = reader.GetTime();
    WriteOutcome outcome = GetOutcome(network, &reader);
    if (reader.ok()) window->Store(id, digest, std::move(outcome), time);
  }
  if (!reader.AtEnd()) return absl::DataLossError("the window of request ids is damaged");
  window->ForgetUntil(forgotten_until);
  return absl::OkStatus();
}

}  // namespace chainrule::server
