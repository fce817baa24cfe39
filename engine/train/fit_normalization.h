// FitNormalization: the mean and the standard deviation of columns of labelled rows.
#ifndef CHAINRULE_ENGINE_TRAIN_FIT_NORMALIZATION_H_
#define CHAINRULE_ENGINE_TRAIN_FIT_NORMALIZATION_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/nn/normalization.h"
#include "engine/nn/spec.h"
#include "engine/train/examples.h"
#include "engine/train/row_order.h"

namespace chainrule::engine {

// Of the features, and for a regression of the targets, over these rows: those that
// are learned from, none twice, not weighted. mean = Σx/n, scale = √(Σ(x−mean)²/n), in
// double, in an order that the number of rows alone decides. A column that is
// constant, or whose deviation is below what float32 holds to full precision, has
// scale 1. Requires at least one row. Spooled rows are read once, in this order; only then
// does it fail, as RowFeed::Next or, now and then polled, Cancellation::Check.
absl::StatusOr<Normalization> FitNormalization(const NetworkSpec& spec, const Examples& examples,
                                               const RowOrder& rows, const Executor& executor,
                                               const Cancellation& cancellation);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_FIT_NORMALIZATION_H_
