#include "engine/train/metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/train/roc_auc.h"

namespace chainrule::engine {
namespace {

// From which target on a label counts as true: soft targets lie between 0 and 1.
constexpr float kTrueFrom = 0.5F;

std::optional<double> Ratio(double part, double whole) {
  if (!(whole > 0)) return std::nullopt;
  return part / whole;
}

// Weights of a question answered with yes or no.
struct Counts {
  double true_positive = 0;
  double false_positive = 0;
  double false_negative = 0;
  double true_negative = 0;

  void Add(bool truth, bool answer, double weight) {
    if (truth) {
      (answer ? true_positive : false_negative) += weight;
    } else {
      (answer ? false_positive : true_negative) += weight;
    }
  }
  std::optional<double> Precision() const {
    return Ratio(true_positive, true_positive + false_positive);
  }
  std::optional<double> Recall() const {
    return Ratio(true_positive, true_positive + false_negative);
  }
  std::optional<double> F1() const {
    return Ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative);
  }
};

// The mean of what is defined.
class MeanOfDefined {
 public:
  void Add(std::optional<double> value) {
    if (!value) return;
    sum_ += *value;
    ++count_;
  }
  std::optional<double> Get() const { return Ratio(sum_, count_); }

 private:
  double sum_ = 0;
  double count_ = 0;
};

// Means over classes or labels.
struct MacroMeans {
  MeanOfDefined precision, recall, f1, roc_auc;

  void Add(const Counts& counts, std::optional<double> auc) {
    precision.Add(counts.Precision());
    recall.Add(counts.Recall());
    f1.Add(counts.F1());
    roc_auc.Add(auc);
  }
  void Write(Metrics* metrics) const {
    metrics->precision = precision.Get();
    metrics->recall = recall.Get();
    metrics->f1 = f1.Get();
    metrics->roc_auc = roc_auc.Get();
  }
};

int64_t Highest(const float* values, int64_t count) {
  return std::max_element(values, values + count) - values;
}

// Of class k against the rest, from a confusion matrix.
Counts OneAgainstRest(const Metrics& metrics, int64_t k) {
  Counts counts;
  for (int64_t i = 0; i < metrics.classes; ++i) {
    for (int64_t j = 0; j < metrics.classes; ++j) {
      counts.Add(i == k, j == k, metrics.confusion[static_cast<size_t>(i * metrics.classes + j)]);
    }
  }
  return counts;
}

}  // namespace

MetricsAccumulator::MetricsAccumulator(const NetworkSpec& spec, double threshold)
    : loss_(spec.loss.kind),
      multi_label_(spec.multi_label),
      outputs_(spec.output_width()),
      threshold_(threshold) {}

void MetricsAccumulator::Add(ConstMatrixView outputs, ConstMatrixView targets,
                             std::span<const float> weights) {
  for (int64_t i = 0; i < outputs.rows; ++i) {
    const std::span<const float> scores = outputs.row(i);
    const std::span<const float> truth = targets.row(i);
    scores_.insert(scores_.end(), scores.begin(), scores.end());
    targets_.insert(targets_.end(), truth.begin(), truth.end());
  }
  weights_.insert(weights_.end(), weights.begin(), weights.end());
}

Metrics MetricsAccumulator::Compute() const {
  if (IsRegression(loss_)) return OfRegression();
  return multi_label_ ? OfLabels() : OfClasses();
}

bool MetricsAccumulator::SaysYes(size_t element) const {
  return static_cast<double>(scores_[element]) >= threshold_;
}

int64_t MetricsAccumulator::PredictedClass(size_t row) const {
  if (outputs_ == 1) return SaysYes(row) ? 1 : 0;
  return Highest(&scores_[row * static_cast<size_t>(outputs_)], outputs_);
}

int64_t MetricsAccumulator::TrueClass(size_t row) const {
  if (outputs_ == 1) return targets_[row] >= kTrueFrom ? 1 : 0;
  return Highest(&targets_[row * static_cast<size_t>(outputs_)], outputs_);
}

std::optional<double> MetricsAccumulator::AucOfClass(int64_t k) const {
  const auto outputs = static_cast<size_t>(outputs_);
  const size_t column = outputs == 1 ? 0 : static_cast<size_t>(k);
  std::vector<ScoredRow> rows(weights_.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = {scores_[i * outputs + column], TrueClass(i) == k, double{weights_[i]}};
  }
  return RocAuc(std::move(rows));
}

Metrics MetricsAccumulator::OfClasses() const {
  Metrics metrics;
  metrics.classes = outputs_ == 1 ? 2 : outputs_;
  metrics.confusion.resize(static_cast<size_t>(metrics.classes * metrics.classes));
  double right = 0;
  double all = 0;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const int64_t truth = TrueClass(i);
    const int64_t answer = PredictedClass(i);
    const auto weight = static_cast<double>(weights_[i]);
    metrics.confusion[static_cast<size_t>(truth * metrics.classes + answer)] += weight;
    right += truth == answer ? weight : 0;
    all += weight;
  }
  metrics.accuracy = Ratio(right, all);
  MacroMeans means;
  // Of two classes, class 1 is the positive one.
  for (int64_t k = metrics.classes == 2 ? 1 : 0; k < metrics.classes; ++k) {
    means.Add(OneAgainstRest(metrics, k), AucOfClass(k));
  }
  means.Write(&metrics);
  return metrics;
}

Metrics MetricsAccumulator::OfLabels() const {
  const auto outputs = static_cast<size_t>(outputs_);
  Metrics metrics;
  MacroMeans means;
  double right = 0;
  double all = 0;
  for (size_t label = 0; label < outputs; ++label) {
    Counts counts;
    std::vector<ScoredRow> rows(weights_.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const size_t element = i * outputs + label;
      const auto weight = static_cast<double>(weights_[i]);
      const bool truth = targets_[element] >= kTrueFrom;
      counts.Add(truth, SaysYes(element), weight);
      rows[i] = {scores_[element], truth, weight};
      all += weight;
    }
    right += counts.true_positive + counts.true_negative;
    means.Add(counts, RocAuc(std::move(rows)));
  }
  metrics.accuracy = Ratio(right, all);
  means.Write(&metrics);
  return metrics;
}

Metrics MetricsAccumulator::OfRegression() const {
  const auto outputs = static_cast<size_t>(outputs_);
  double all = 0;
  double absolute = 0;
  double squared = 0;
  double around_mean = 0;
  for (size_t j = 0; j < outputs; ++j) {
    double weight_sum = 0;
    double target_sum = 0;
    for (size_t i = 0; i < weights_.size(); ++i) {
      const auto weight = static_cast<double>(weights_[i]);
      weight_sum += weight;
      target_sum += weight * static_cast<double>(targets_[i * outputs + j]);
    }
    const double mean = weight_sum > 0 ? target_sum / weight_sum : 0;
    all += weight_sum;
    for (size_t i = 0; i < weights_.size(); ++i) {
      const auto weight = static_cast<double>(weights_[i]);
      const auto target = static_cast<double>(targets_[i * outputs + j]);
      const double error = static_cast<double>(scores_[i * outputs + j]) - target;
      absolute += weight * std::abs(error);
      squared += weight * error * error;
      around_mean += weight * (target - mean) * (target - mean);
    }
  }
  Metrics metrics;
  metrics.mean_absolute_error = Ratio(absolute, all);
  if (const std::optional<double> mean_square = Ratio(squared, all)) {
    metrics.root_mean_squared_error = std::sqrt(*mean_square);
  }
  if (const std::optional<double> rest = Ratio(squared, around_mean)) {
    metrics.r_squared = 1 - *rest;
  }
  return metrics;
}

}  // namespace chainrule::engine
