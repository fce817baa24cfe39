// What Evaluate measures.  What is undefined (a precision with no positives
// predicted, R² of a constant target, AUC of one class) is unset.  Sample weights
// weigh every figure.  With tp, fp, fn, tn the weights of the true and the false
// positives and negatives:
//   precision = tp/(tp+fp)   recall = tp/(tp+fn)   F1 = 2·tp/(2·tp+fp+fn)
//   ROC AUC = the weighted share of pairs (positive, negative) in which the positive's
//   score is the higher one, ties counted half
//   R² = 1 − Σ(a−y)²/Σ(y−ȳ)², ȳ each output's own mean, summed over all outputs
// Thread-compatible.
#ifndef CHAINRULE_ENGINE_TRAIN_METRICS_H_
#define CHAINRULE_ENGINE_TRAIN_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/matrix.h"
#include "engine/nn/spec.h"

namespace chainrule::engine {

struct Metrics {
  // Classification. For more than two classes precision, recall and F1 are the
  // unweighted mean over the classes (macro) of what is defined; ROC AUC is that of
  // one class against the rest. Multi-label: accuracy over all labels, the others the
  // mean over the labels.
  std::optional<double> accuracy;
  std::optional<double> precision;
  std::optional<double> recall;
  std::optional<double> f1;
  std::optional<double> roc_auc;
  // [classes × classes], row the true class, column the predicted one; weighted.
  // Empty for regression and multi-label.
  int64_t classes = 0;
  std::vector<double> confusion;
  // Regression, over all outputs, in the caller's units.
  std::optional<double> mean_absolute_error;
  std::optional<double> root_mean_squared_error;
  std::optional<double> r_squared;
};

// Collects rows in any number of calls, in order, then computes.
class MetricsAccumulator {
 public:
  // `threshold`: from which score on a sigmoid unit says yes. Among several units of
  // one-hot classes the highest score says it, the first of equals.
  MetricsAccumulator(const NetworkSpec& spec, double threshold);
  // outputs, targets: [rows × output_width], in the caller's units.
  void Add(ConstMatrixView outputs, ConstMatrixView targets, std::span<const float> weights);
  Metrics Compute() const;

 private:
  Metrics OfClasses() const;
  Metrics OfLabels() const;
  Metrics OfRegression() const;
  bool SaysYes(size_t element) const;
  int64_t PredictedClass(size_t row) const;
  int64_t TrueClass(size_t row) const;
  std::optional<double> AucOfClass(int64_t k) const;

  const Loss loss_;
  const bool multi_label_;
  const int64_t outputs_;
  const double threshold_;
  std::vector<float> scores_;   // [rows × outputs], kept for AUC
  std::vector<float> targets_;  // the same
  std::vector<float> weights_;  // [rows]
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_METRICS_H_
