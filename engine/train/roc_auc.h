// RocAuc: the area under the receiver operating characteristic, exact, ties counted
// half (T. Fawcett, Pattern Recognition Letters 27, 2006, algorithm 3).
// Thread-safe: a function of its arguments.
#ifndef CHAINRULE_ENGINE_TRAIN_ROC_AUC_H_
#define CHAINRULE_ENGINE_TRAIN_ROC_AUC_H_

#include <optional>
#include <vector>

namespace chainrule::engine {

struct ScoredRow {
  float score = 0;
  bool positive = false;
  double weight = 1;
};

// Nothing where a kind of row has no weight, or a score is NaN.
std::optional<double> RocAuc(std::vector<ScoredRow> rows);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_ROC_AUC_H_
