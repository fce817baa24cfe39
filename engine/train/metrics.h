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

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/nn/spec.h"
#include "engine/train/auc_accumulator.h"

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
  bool roc_auc_binned = false;  // too many rows for an exact one, see AucAccumulator
  // [classes × classes], row the true class, column the predicted one; weighted.
  // Empty for regression, for multi-label, and for more than kMaxMatrixClasses.
  int64_t classes = 0;
  std::vector<double> confusion;
  // Regression, over all outputs, in the caller's units.
  std::optional<double> mean_absolute_error;
  std::optional<double> root_mean_squared_error;
  std::optional<double> r_squared;
};

// Collects rows in any number of calls, in order, in bounded memory, then computes.
class MetricsAccumulator {
 public:
  static constexpr int64_t kMaxMatrixClasses = 1024;  // 8 MiB

  // `threshold`: from which score on a sigmoid unit says yes. Among several units of
  // one-hot classes the highest score says it, the first of equals.
  MetricsAccumulator(const NetworkSpec& spec, double threshold);
  // outputs, targets: [rows × output_width], in the caller's units.
  void Add(ConstMatrixView outputs, ConstMatrixView targets, std::span<const float> weights);
  // CANCELLED and so on, as Cancellation::Check: of many classes it takes long.
  absl::StatusOr<Metrics> Compute(const Executor& executor, const Cancellation& cancellation) const;
  // What grows with the rows.
  int64_t kept_bytes() const { return auc_.kept_bytes(); }

 private:
  // Weights of a question answered with yes or no.
  struct Counts {
    double true_positive = 0;
    double false_positive = 0;
    double false_negative = 0;
    double true_negative = 0;

    void Add(bool truth, bool answer, double weight);
    std::optional<double> Precision() const;
    std::optional<double> Recall() const;
    std::optional<double> F1() const;
  };
  // Of one output of a regression. The mean and the squares around it move with each row
  // (D. H. D. West, Communications of the ACM 22, 1979).
  struct Errors {
    double weight = 0;
    double mean = 0;  // of the targets
    double around_mean = 0;
    double absolute = 0;
    double squared = 0;
  };
  class MacroMeans;

  void AddClasses(std::span<const float> scores, std::span<const float> truth, double weight);
  void AddLabels(std::span<const float> scores, std::span<const float> truth, double weight);
  void AddErrors(std::span<const float> outputs, std::span<const float> targets, double weight);
  using Areas = std::vector<std::optional<double>>;
  Metrics OfClasses(const Areas& areas) const;
  Metrics OfLabels(const Areas& areas) const;
  // Of two classes, class 1 is the positive one.
  int64_t first_class() const { return classes_ == 2 ? 1 : 0; }
  Metrics OfRegression() const;
  bool SaysYes(float score) const;
  int64_t PredictedClass(std::span<const float> scores) const;

  const Loss loss_;
  const bool multi_label_;
  const int64_t outputs_;
  const int64_t classes_;  // 0 for regression and multi-label
  const double threshold_;
  AucAccumulator auc_;
  std::vector<bool> truth_;        // of one row
  std::vector<double> confusion_;  // [classes × classes]
  double right_ = 0;               // weight of the rows whose class is right
  double all_ = 0;                 // weight of all
  // Multi-label: [outputs]. Else [classes], each against the rest, without true negatives.
  std::vector<Counts> counts_;
  std::vector<Errors> errors_;  // regression: [outputs]
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_METRICS_H_
