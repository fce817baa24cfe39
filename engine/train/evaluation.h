// Evaluate: loss and metrics of a snapshot on labelled rows, by the forward kernel.
#ifndef CHAINRULE_ENGINE_TRAIN_EVALUATION_H_
#define CHAINRULE_ENGINE_TRAIN_EVALUATION_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/nn/predictor.h"
#include "engine/train/examples.h"
#include "engine/train/metrics.h"
#include "engine/train/model_state.h"

namespace chainrule::engine {

struct Evaluation {
  // Weighted mean over the examples, without penalties; for a regression whose targets
  // are standardised it is measured there, as in training.
  double loss = 0;
  Metrics metrics;
};

// `predictor` is of the same snapshot as `normalization`. Rows go in blocks of at
// most 4,096, the cancellation is polled between them. CANCELLED,
// DEADLINE_EXCEEDED and so on, as Cancellation::Check.
absl::StatusOr<Evaluation> Evaluate(const Network& network, const Predictor& predictor,
                                    const Normalization& normalization, const Examples& examples,
                                    double threshold, const Executor& executor,
                                    const Cancellation& cancellation);

// The same of some of the examples.
absl::StatusOr<Evaluation> EvaluateRows(const Network& network, const Predictor& predictor,
                                        const Normalization& normalization,
                                        const Examples& examples, std::span<const int64_t> rows,
                                        double threshold, const Executor& executor,
                                        const Cancellation& cancellation);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_EVALUATION_H_
