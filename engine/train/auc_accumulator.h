// AucAccumulator: the ROC AUC of each column of scores, in bounded memory: exact while
// there are no more than kMaxRows rows and kMaxScores scores, then by 65,536 bins of the
// score, each bin's rows counting as ties.  Scores are probabilities, in [0, 1].
// Thread-compatible.
#ifndef CHAINRULE_ENGINE_TRAIN_AUC_ACCUMULATOR_H_
#define CHAINRULE_ENGINE_TRAIN_AUC_ACCUMULATOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/train/roc_auc.h"

namespace chainrule::engine {

class AucAccumulator {
 public:
  static constexpr size_t kMaxRows = 1'000'000;
  static constexpr size_t kMaxScores = size_t{1} << 26;  // 256 MiB
  static constexpr size_t kBins = 65'536;
  // Of more columns than this bins would take too much memory (1 MiB each): no AUC then.
  static constexpr size_t kMaxBinnedColumns = 256;

  explicit AucAccumulator(size_t columns) : columns_(columns) {}

  // One row: scores and truth: [columns].
  void Add(std::span<const float> scores, const std::vector<bool>& truth, double weight);
  // Nothing where a kind of row has no weight, or a score is NaN.
  std::optional<double> Get(size_t column) const;
  // The same of columns [first, columns). CANCELLED and so on, as Cancellation::Check.
  absl::StatusOr<std::vector<std::optional<double>>> GetFrom(
      size_t first, const Executor& executor, const Cancellation& cancellation) const;
  bool binned() const { return binned_; }
  // What it keeps of the rows so far.
  int64_t kept_bytes() const;

 private:
  struct Bin {
    double positives = 0;
    double negatives = 0;
  };
  std::vector<std::vector<ScoredRow>> Gather(size_t first, size_t count) const;
  std::optional<double> OfBins(size_t column) const;
  void ToBins();
  void AddToBins(std::span<const float> scores, size_t first_truth, double weight);

  const size_t columns_;
  // Until there are bins, of the rows so far; then truth_ is that of one row.
  std::vector<float> scores_;    // [rows × columns]
  std::vector<bool> truth_;      // the same
  std::vector<double> weights_;  // [rows]
  bool binned_ = false;
  std::vector<Bin> bins_;  // [columns × kBins]
  bool not_a_number_ = false;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_AUC_ACCUMULATOR_H_
