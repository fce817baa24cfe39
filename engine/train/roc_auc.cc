#include "engine/train/roc_auc.h"

#include <algorithm>
#include <cmath>

namespace chainrule::engine {

std::optional<double> RocAuc(std::vector<ScoredRow> rows) {
  if (std::any_of(rows.begin(), rows.end(),
                  [](const ScoredRow& row) { return std::isnan(row.score); })) {
    return std::nullopt;
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const ScoredRow& a, const ScoredRow& b) { return a.score > b.score; });
  double positives = 0;  // above the group of equals that is being looked at
  double negatives = 0;
  double area = 0;
  for (size_t i = 0; i < rows.size();) {
    double group_positives = 0;
    double group_negatives = 0;
    const float score = rows[i].score;
    for (; i < rows.size() && rows[i].score == score; ++i) {
      (rows[i].positive ? group_positives : group_negatives) += rows[i].weight;
    }
    area += group_negatives * (positives + 0.5 * group_positives);
    positives += group_positives;
    negatives += group_negatives;
  }
  if (!(positives > 0) || !(negatives > 0)) return std::nullopt;
  return area / (positives * negatives);
}

}  // namespace chainrule::engine
