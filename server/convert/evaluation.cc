#include "server/convert/evaluation.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "server/convert/examples.h"
#include "server/convert/ranges.h"
#include "server/convert/violations.h"

namespace chainrule::server {
namespace {

constexpr double kDefaultThreshold = 0.5;
// All that a message with metrics has beside the matrix.
constexpr int64_t kFigureBytes = 256;

// Of a request or a header.
template <typename Message>
absl::StatusOr<double> ReadThreshold(const Message& message, absl::string_view field) {
  const double threshold = message.has_threshold() ? message.threshold() : kDefaultThreshold;
  Violations violations;
  CheckDouble(threshold, kUnitInterval, field, &violations);
  if (!violations.empty()) return violations.ToStatus();
  return threshold;
}

// A double, if the metric is defined.
template <typename Set>
void Write(const std::optional<double>& value, Set set) {
  if (value) set(*value);
}

// An upper bound of its bytes in a message.
int64_t MatrixBytes(const engine::Metrics& metrics, const ModelSettings& settings) {
  constexpr int64_t kNameBytes = 24;  // with its length; of a class without a name all
  auto bytes = static_cast<int64_t>(metrics.confusion.size() * sizeof(double));
  for (const std::string& name : settings.class_names) {
    bytes += static_cast<int64_t>(name.size());
  }
  return bytes + kNameBytes * (metrics.classes + 1);
}

void WriteConfusion(const engine::Metrics& metrics, const ModelSettings& settings,
                    v1::ConfusionMatrix* matrix) {
  for (int64_t i = 0; i < metrics.classes; ++i) {
    const auto index = static_cast<size_t>(i);
    matrix->add_class_names(index < settings.class_names.size() ? settings.class_names[index]
                                                                : absl::StrCat(i));
  }
  matrix->mutable_values()->Add(metrics.confusion.begin(), metrics.confusion.end());
}

}  // namespace

absl::StatusOr<double> CheckEvaluate(const v1::EvaluateRequest& request,
                                     const ModelContext& model) {
  absl::StatusOr<double> threshold = ReadThreshold(request, "threshold");
  if (!threshold.ok()) return threshold;
  const auto rows = CheckSomeExamples(request.examples(), "examples", model);
  if (!rows.ok()) return rows.status();
  return threshold;
}

absl::StatusOr<double> CheckEvaluateHeader(const v1::StreamEvaluateHeader& header) {
  return ReadThreshold(header, "header.threshold");
}

void WriteEvaluation(const engine::Evaluation& evaluation, const ModelSettings& settings,
                     int64_t model_step, int64_t rows, int64_t most_bytes,
                     v1::EvaluateResponse* response) {
  response->set_loss(evaluation.loss);
  WriteMetrics(evaluation.metrics, settings, most_bytes, response->mutable_metrics());
  response->set_model_step(model_step);
  response->set_rows(rows);
}

void WriteMetrics(const engine::Metrics& metrics, const ModelSettings& settings, int64_t most_bytes,
                  v1::Metrics* message) {
  Write(metrics.accuracy, [&](double v) { message->set_accuracy(v); });
  Write(metrics.precision, [&](double v) { message->set_precision(v); });
  Write(metrics.recall, [&](double v) { message->set_recall(v); });
  Write(metrics.f1, [&](double v) { message->set_f1(v); });
  Write(metrics.roc_auc, [&](double v) { message->set_roc_auc(v); });
  message->set_roc_auc_binned(metrics.roc_auc_binned);
  Write(metrics.mean_absolute_error, [&](double v) { message->set_mean_absolute_error(v); });
  Write(metrics.root_mean_squared_error,
        [&](double v) { message->set_root_mean_squared_error(v); });
  Write(metrics.r_squared, [&](double v) { message->set_r_squared(v); });
  const bool has_room = MatrixBytes(metrics, settings) <= most_bytes - kFigureBytes;
  if (!metrics.confusion.empty() && has_room) {
    WriteConfusion(metrics, settings, message->mutable_confusion_matrix());
  }
}

}  // namespace chainrule::server
