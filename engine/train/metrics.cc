#include "engine/train/metrics.h"

#include <algorithm>
#include <cmath>

namespace chainrule::engine {
namespace {

// From which target on a label counts as true: soft targets lie between 0 and 1.
constexpr float kTrueFrom = 0.5F;

std::optional<double> Ratio(double part, double whole) {
  if (!(whole > 0)) return std::nullopt;
  return part / whole;
}

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

int64_t Highest(std::span<const float> values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

// Classes that a row can be of, one a row.
int64_t ClassesOf(const NetworkSpec& spec) {
  if (IsRegression(spec.loss.kind) || spec.multi_label) return 0;
  return spec.output_width() == 1 ? 2 : spec.output_width();
}

int64_t TrueClass(std::span<const float> truth) {
  if (truth.size() == 1) return truth[0] >= kTrueFrom ? 1 : 0;
  return Highest(truth);
}

}  // namespace

void MetricsAccumulator::Counts::Add(bool truth, bool answer, double weight) {
  if (truth) {
    (answer ? true_positive : false_negative) += weight;
  } else {
    (answer ? false_positive : true_negative) += weight;
  }
}

std::optional<double> MetricsAccumulator::Counts::Precision() const {
  return Ratio(true_positive, true_positive + false_positive);
}

std::optional<double> MetricsAccumulator::Counts::Recall() const {
  return Ratio(true_positive, true_positive + false_negative);
}

std::optional<double> MetricsAccumulator::Counts::F1() const {
  return Ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative);
}

// Means over classes or labels.
class MetricsAccumulator::MacroMeans {
 public:
  void Add(const Counts& counts, std::optional<double> auc) {
    precision_.Add(counts.Precision());
    recall_.Add(counts.Recall());
    f1_.Add(counts.F1());
    roc_auc_.Add(auc);
  }
  void Write(Metrics* metrics) const {
    metrics->precision = precision_.Get();
    metrics->recall = recall_.Get();
    metrics->f1 = f1_.Get();
    metrics->roc_auc = roc_auc_.Get();
  }

 private:
  MeanOfDefined precision_, recall_, f1_, roc_auc_;
};

MetricsAccumulator::MetricsAccumulator(const NetworkSpec& spec, double threshold)
    : loss_(spec.loss.kind),
      multi_label_(spec.multi_label),
      outputs_(spec.output_width()),
      classes_(ClassesOf(spec)),
      threshold_(threshold),
      auc_(static_cast<size_t>(outputs_)),
      truth_(static_cast<size_t>(outputs_)),
      confusion_(classes_ <= kMaxMatrixClasses ? static_cast<size_t>(classes_ * classes_) : 0),
      counts_(static_cast<size_t>(multi_label_ ? outputs_ : classes_)),
      errors_(IsRegression(loss_) ? static_cast<size_t>(outputs_) : 0) {}

void MetricsAccumulator::Add(ConstMatrixView outputs, ConstMatrixView targets,
                             std::span<const float> weights) {
  for (int64_t i = 0; i < outputs.rows; ++i) {
    const auto weight = static_cast<double>(weights[static_cast<size_t>(i)]);
    if (!(weight > 0)) continue;
    if (IsRegression(loss_)) {
      AddErrors(outputs.row(i), targets.row(i), weight);
    } else if (multi_label_) {
      AddLabels(outputs.row(i), targets.row(i), weight);
    } else {
      AddClasses(outputs.row(i), targets.row(i), weight);
    }
  }
}

bool MetricsAccumulator::SaysYes(float score) const {
  return static_cast<double>(score) >= threshold_;
}

int64_t MetricsAccumulator::PredictedClass(std::span<const float> scores) const {
  if (outputs_ == 1) return SaysYes(scores[0]) ? 1 : 0;
  return Highest(scores);
}

void MetricsAccumulator::AddClasses(std::span<const float> scores, std::span<const float> truth,
                                    double weight) {
  const int64_t true_class = TrueClass(truth);
  const int64_t answer = PredictedClass(scores);
  if (!confusion_.empty())
    confusion_[static_cast<size_t>(true_class * classes_ + answer)] += weight;
  counts_[static_cast<size_t>(true_class)].Add(true, true_class == answer, weight);
  if (true_class != answer) counts_[static_cast<size_t>(answer)].Add(false, true, weight);
  right_ += true_class == answer ? weight : 0;
  all_ += weight;
  truth_.assign(truth_.size(), false);
  if (outputs_ == 1) {
    truth_[0] = true_class == 1;
  } else {
    truth_[static_cast<size_t>(true_class)] = true;
  }
  auc_.Add(scores, truth_, weight);
}

void MetricsAccumulator::AddLabels(std::span<const float> scores, std::span<const float> truth,
                                   double weight) {
  for (size_t label = 0; label < counts_.size(); ++label) {
    truth_[label] = truth[label] >= kTrueFrom;
    counts_[label].Add(truth_[label], SaysYes(scores[label]), weight);
    all_ += weight;
  }
  auc_.Add(scores, truth_, weight);
}

void MetricsAccumulator::AddErrors(std::span<const float> outputs, std::span<const float> targets,
                                   double weight) {
  for (size_t j = 0; j < errors_.size(); ++j) {
    Errors& sums = errors_[j];
    const auto target = static_cast<double>(targets[j]);
    const double error = static_cast<double>(outputs[j]) - target;
    sums.absolute += weight * std::abs(error);
    sums.squared += weight * error * error;
    sums.weight += weight;
    const double before = target - sums.mean;
    sums.mean += before * weight / sums.weight;
    sums.around_mean += weight * before * (target - sums.mean);
  }
}

absl::StatusOr<Metrics> MetricsAccumulator::Compute(const Executor& executor,
                                                    const Cancellation& cancellation) const {
  if (IsRegression(loss_)) return OfRegression();
  const bool second_alone = classes_ == 2 && outputs_ == 2;
  const absl::StatusOr<Areas> areas = auc_.GetFrom(second_alone ? 1 : 0, executor, cancellation);
  if (!areas.ok()) return areas.status();
  return multi_label_ ? OfLabels(*areas) : OfClasses(*areas);
}

// areas: of classes [first_class(), classes).
Metrics MetricsAccumulator::OfClasses(const Areas& areas) const {
  Metrics metrics;
  metrics.classes = classes_;
  metrics.confusion = confusion_;
  metrics.accuracy = Ratio(right_, all_);
  metrics.roc_auc_binned = auc_.binned();
  MacroMeans means;
  for (int64_t k = first_class(); k < classes_; ++k) {
    means.Add(counts_[static_cast<size_t>(k)], areas[static_cast<size_t>(k - first_class())]);
  }
  means.Write(&metrics);
  return metrics;
}

Metrics MetricsAccumulator::OfLabels(const Areas& areas) const {
  Metrics metrics;
  metrics.roc_auc_binned = auc_.binned();
  MacroMeans means;
  double right = 0;
  for (size_t label = 0; label < counts_.size(); ++label) {
    right += counts_[label].true_positive + counts_[label].true_negative;
    means.Add(counts_[label], areas[label]);
  }
  metrics.accuracy = Ratio(right, all_);
  means.Write(&metrics);
  return metrics;
}

Metrics MetricsAccumulator::OfRegression() const {
  Errors sums;
  for (const Errors& output : errors_) {
    sums.weight += output.weight;
    sums.absolute += output.absolute;
    sums.squared += output.squared;
    sums.around_mean += output.around_mean;
  }
  Metrics metrics;
  metrics.mean_absolute_error = Ratio(sums.absolute, sums.weight);
  if (const std::optional<double> mean_square = Ratio(sums.squared, sums.weight)) {
    metrics.root_mean_squared_error = std::sqrt(*mean_square);
  }
  if (const std::optional<double> rest = Ratio(sums.squared, sums.around_mean)) {
    metrics.r_squared = 1 - *rest;
  }
  return metrics;
}

}  // namespace chainrule::engine
