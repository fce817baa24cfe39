// Evaluate, and the metrics that Fit reports too.
#ifndef CHAINRULE_SERVER_CONVERT_EVALUATION_H_
#define CHAINRULE_SERVER_CONVERT_EVALUATION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "chainrule/v1/training_service.pb.h"
#include "engine/train/evaluation.h"
#include "engine/train/metrics.h"
#include "server/convert/context.h"

namespace chainrule::server {

// Constant cost.  Returns the threshold.
// The rows: ReadExamples(ExamplesOf(request), "examples", model).
absl::StatusOr<double> CheckEvaluate(const v1::EvaluateRequest& request, const ModelContext& model);
// The header of a StreamEvaluate; the same of it.
absl::StatusOr<double> CheckEvaluateHeader(const v1::StreamEvaluateHeader& header);
// A confusion matrix that does not fit into a message of `most_bytes` is left out.
void WriteEvaluation(const engine::Evaluation& evaluation, const ModelSettings& settings,
                     int64_t model_step, int64_t rows, int64_t most_bytes,
                     v1::EvaluateResponse* response);

void WriteMetrics(const engine::Metrics& metrics, const ModelSettings& settings, int64_t most_bytes,
                  v1::Metrics* message);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_EVALUATION_H_
