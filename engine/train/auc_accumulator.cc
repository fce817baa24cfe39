#include "engine/train/auc_accumulator.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace chainrule::engine {
namespace {

// Columns that one task takes at once, and of how many rows in all, at most.
constexpr size_t kMostTogether = 16;
constexpr size_t kGathered = size_t{1} << 20;

}  // namespace

void AucAccumulator::Add(std::span<const float> scores, const std::vector<bool>& truth,
                         double weight) {
  if (!binned_ && (weights_.size() == kMaxRows || scores_.size() + columns_ > kMaxScores)) {
    ToBins();
  }
  if (binned_) truth_.clear();
  const size_t first_truth = truth_.size();
  truth_.insert(truth_.end(), truth.begin(), truth.end());
  if (binned_) return AddToBins(scores, first_truth, weight);
  scores_.insert(scores_.end(), scores.begin(), scores.end());
  weights_.push_back(weight);
}

int64_t AucAccumulator::kept_bytes() const {
  return static_cast<int64_t>(scores_.capacity() * sizeof(float) + truth_.capacity() / 8 +
                              weights_.capacity() * sizeof(double) + bins_.size() * sizeof(Bin));
}

void AucAccumulator::ToBins() {
  binned_ = true;
  if (columns_ <= kMaxBinnedColumns) bins_.resize(columns_ * kBins);
  for (size_t row = 0; row < weights_.size(); ++row) {
    AddToBins(std::span<const float>(scores_).subspan(row * columns_, columns_), row * columns_,
              weights_[row]);
  }
  scores_ = {};
  weights_ = {};
  truth_ = {};
}

void AucAccumulator::AddToBins(std::span<const float> scores, size_t first_truth, double weight) {
  if (bins_.empty()) return;
  for (size_t column = 0; column < columns_; ++column) {
    const auto score = static_cast<double>(scores[column]);
    not_a_number_ = not_a_number_ || std::isnan(score);
    if (std::isnan(score)) continue;
    const double place = std::clamp(score, 0.0, 1.0) * static_cast<double>(kBins);
    const size_t bin = std::min(static_cast<size_t>(place), kBins - 1);
    Bin& sums = bins_[column * kBins + bin];
    (truth_[first_truth + column] ? sums.positives : sums.negatives) += weight;
  }
}

// Columns that stand beside one another share the memory's lines.
std::vector<std::vector<ScoredRow>> AucAccumulator::Gather(size_t first, size_t count) const {
  std::vector<std::vector<ScoredRow>> columns(count, std::vector<ScoredRow>(weights_.size()));
  for (size_t i = 0; i < weights_.size(); ++i) {
    for (size_t j = 0; j < count; ++j) {
      const size_t element = i * columns_ + first + j;
      columns[j][i] = {scores_[element], truth_[element], weights_[i]};
    }
  }
  return columns;
}

std::optional<double> AucAccumulator::Get(size_t column) const {
  return binned_ ? OfBins(column) : RocAuc(std::move(Gather(column, 1)[0]));
}

absl::StatusOr<std::vector<std::optional<double>>> AucAccumulator::GetFrom(
    size_t first, const Executor& executor, const Cancellation& cancellation) const {
  const size_t together =
      std::clamp<size_t>(kGathered / std::max<size_t>(weights_.size(), 1), 1, kMostTogether);
  std::vector<std::optional<double>> areas(columns_ - first);
  const size_t tasks = (areas.size() + together - 1) / together;
  executor.ParallelFor(static_cast<int64_t>(tasks), [&](int64_t task) {
    const size_t begin = static_cast<size_t>(task) * together;
    const size_t count = std::min(together, areas.size() - begin);
    if (!cancellation.Check().ok()) return;
    if (binned_) {
      for (size_t j = 0; j < count; ++j) areas[begin + j] = OfBins(first + begin + j);
      return;
    }
    std::vector<std::vector<ScoredRow>> columns = Gather(first + begin, count);
    for (size_t j = 0; j < count && cancellation.Check().ok(); ++j) {
      areas[begin + j] = RocAuc(std::move(columns[j]));
    }
  });
  if (absl::Status status = cancellation.Check(); !status.ok()) return status;
  return areas;
}

std::optional<double> AucAccumulator::OfBins(size_t column) const {
  if (bins_.empty() || not_a_number_) return std::nullopt;
  double positives = 0;  // in the bins above
  double negatives = 0;
  double area = 0;
  for (size_t bin = kBins; bin-- > 0;) {
    const Bin& sums = bins_[column * kBins + bin];
    area += sums.negatives * (positives + 0.5 * sums.positives);
    positives += sums.positives;
    negatives += sums.negatives;
  }
  if (!(positives > 0) || !(negatives > 0)) return std::nullopt;
  return area / (positives * negatives);
}

}  // namespace chainrule::engine
