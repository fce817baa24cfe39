// Which rows of a data set are used, and what each counts for.
#ifndef CHAINRULE_CLIENT_DATA_SELECTION_H_
#define CHAINRULE_CLIENT_DATA_SELECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/data/rows.h"

namespace chainrule::client {

// Fold: a part of `folds` equal ones. The n-th row of each class, from 0, belongs to part
// n mod folds, so that each part has its share of every class; without classes the n-th row.
struct Fold {
  int64_t folds = 1;
  int64_t fold = 0;
  bool held_out = false;  // the part's own rows; else all the others
};

// The rows of `source` that `fold` selects, with their numbers.
std::unique_ptr<RowSource> SelectFold(std::unique_ptr<RowSource> source, Fold fold);

// The first `limit` rows.
std::unique_ptr<RowSource> TakeFirst(std::unique_ptr<RowSource> source, int64_t limit);

// All rows; where there are none the first Next fails with INVALID_ARGUMENT and this message.
std::unique_ptr<RowSource> RequireRows(std::unique_ptr<RowSource> source, std::string message);

// The rows with class_weights[class] as their weight, times what they had.
std::unique_ptr<RowSource> WeighClasses(std::unique_ptr<RowSource> source,
                                        std::vector<float> class_weights);

// Weights that let each class that occurs count the same: rows / (classes · rows of it),
// 0 for one that does not occur. Reads `source` to its end.
absl::StatusOr<std::vector<float>> BalancedWeights(RowSource* source, int64_t class_count);

}  // namespace chainrule::client

#endif  // CHAINRULE_CLIENT_DATA_SELECTION_H_
