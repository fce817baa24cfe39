#include "client/lib/predictions.h"

#include <algorithm>

#include "client/lib/append_rows.h"

namespace chainrule::client {
namespace {

// How many classes a row's answer has at most.
int64_t ClassesOf(const v1::ModelSpec& spec, int32_t top_k) {
  const int64_t outputs = spec.layers(spec.layers_size() - 1).units();
  const int64_t classes = std::max<int64_t>(outputs, 2);
  if (top_k == 0) return spec.multi_label() ? classes : 1;
  return std::min<int64_t>(top_k, classes);
}

}  // namespace

int64_t AnswerBytes(const v1::ModelSpec& spec, const v1::PredictRequest& request) {
  constexpr int64_t kClassBytes = 300;
  const int64_t outputs = spec.layers(spec.layers_size() - 1).units();
  const auto& include = request.include();
  const bool has_classes =
      std::find(include.begin(), include.end(), v1::PREDICTION_PART_CLASSES) != include.end();
  const int64_t numbers = outputs * int64_t{2 * sizeof(float)};
  return numbers + (has_classes ? kClassBytes * ClassesOf(spec, request.top_k()) : 0);
}

void AppendAnswer(const v1::PredictResponse& more, v1::PredictResponse* all) {
  if (more.has_outputs()) AppendRows(more.outputs(), all->mutable_outputs());
  if (more.has_logits()) AppendRows(more.logits(), all->mutable_logits());
  all->mutable_rows()->MergeFrom(more.rows());
  all->set_model_step(more.model_step());
  all->set_version(more.version());
}

}  // namespace chainrule::client
