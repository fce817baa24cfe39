#include "client/lib/predictions.h"

#include <algorithm>

namespace chainrule::client {
namespace {

void AppendTensor(const v1::Tensor& more, v1::Tensor* all) {
  if (all->shape_size() == 0) {
    *all = more;
    return;
  }
  all->set_shape(0, all->shape(0) + more.shape(0));
  all->mutable_values()->MergeFrom(more.values());
  all->mutable_raw()->append(more.raw());
}

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
  if (more.has_outputs()) AppendTensor(more.outputs(), all->mutable_outputs());
  if (more.has_logits()) AppendTensor(more.logits(), all->mutable_logits());
  all->mutable_rows()->MergeFrom(more.rows());
  all->set_model_step(more.model_step());
  all->set_version(more.version());
}

}  // namespace chainrule::client
