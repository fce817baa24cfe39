// The order in which rows are learned from, and which are kept for validation: pure
// functions of (seed, purpose, step), so a repeated call draws what it drew before.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_TRAIN_BATCHES_H_
#define CHAINRULE_ENGINE_TRAIN_BATCHES_H_

#include <cstdint>
#include <span>
#include <vector>

namespace chainrule::engine {

// A random permutation of `rows`, in place (R. Durstenfeld's form of the shuffle of
// Fisher and Yates, CACM 7, 1964). `key`: the model's step when the call began + the
// epoch, counted from 0. An epoch has one step at least, so no two epochs of a model
// share a key.
void Shuffle(int64_t seed, int64_t key, std::span<int64_t> rows);

struct RowSplit {
  std::vector<int64_t> training;  // both in rising order
  std::vector<int64_t> validation;
};

// Draws fraction·rows rows, rounded to the nearest, for validation: one at least if
// the fraction is above 0, and never all. `step`: the model's when the call began.
RowSplit SplitRows(int64_t seed, int64_t step, int64_t rows, double fraction);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_BATCHES_H_
