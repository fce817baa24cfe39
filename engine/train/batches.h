// The order in which rows are learned from, and which are kept for validation: pure
// functions of (seed, purpose, step), so a repeated call draws what it drew before.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_TRAIN_BATCHES_H_
#define CHAINRULE_ENGINE_TRAIN_BATCHES_H_

#include <cstdint>
#include <memory>
#include <span>

#include "engine/train/row_order.h"

namespace chainrule::engine {

// Up to so many rows orders are lists, 128 MiB; beyond, rules, which draw other ones. It
// decides bits.
inline constexpr int64_t kMaxListedRows = int64_t{1} << 24;

// A random permutation of `rows`, in place (R. Durstenfeld's form of the shuffle of
// Fisher and Yates, CACM 7, 1964). `key`: the model's step when the call began + the
// epoch, counted from 0. An epoch has one step at least, so no two epochs of a model
// share a key.
void Shuffle(int64_t seed, int64_t key, std::span<int64_t> rows);

// The rows of `base`, which is borrowed, in a random order; `key` as Shuffle's. A list that is
// Shuffle's, up to `max_listed` rows.
std::unique_ptr<const RowOrder> ShuffledRows(int64_t seed, int64_t key, const RowOrder& base,
                                             int64_t max_listed = kMaxListedRows);

struct RowSplit {
  std::unique_ptr<const RowOrder> training;  // both in rising order
  std::unique_ptr<const RowOrder> validation;
};

// Draws fraction·rows rows, rounded to the nearest, for validation: one at least if
// the fraction is above 0, and never all. Of as many rows always the same, so that a call
// that trains further does not measure on what was learned.
RowSplit SplitRows(int64_t seed, int64_t rows, double fraction,
                   int64_t max_listed = kMaxListedRows);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_BATCHES_H_
