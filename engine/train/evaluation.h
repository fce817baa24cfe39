// Evaluate: loss and metrics of a snapshot on labelled rows, by the forward kernel.
#ifndef CHAINRULE_ENGINE_TRAIN_EVALUATION_H_
#define CHAINRULE_ENGINE_TRAIN_EVALUATION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/core/cancellation.h"
#include "engine/core/executor.h"
#include "engine/nn/predictor.h"
#include "engine/nn/workspace.h"
#include "engine/train/examples.h"
#include "engine/train/metrics.h"
#include "engine/train/model_state.h"
#include "engine/train/row_feed.h"
#include "engine/train/row_order.h"

namespace chainrule::engine {

struct Evaluation {
  // Weighted mean over the examples, without penalties; for a regression whose targets
  // are standardised it is measured there, as in training.
  double loss = 0;
  double weight_sum = 0;  // 0: nothing was measured, and the loss says nothing
  Metrics metrics;
};

// Evaluator: an evaluation whose rows come in any number of parts, in bounded memory.
// Single-threaded.
class Evaluator {
 public:
  // All are borrowed. `predictor` is of the same snapshot as `normalization`. Costs memory for
  // the largest block of rows that comes, of at most 4,096.
  Evaluator(const Network& network, const Predictor& predictor, const Normalization& normalization,
            double threshold, const Executor& executor);

  // The cancellation is polled between blocks: CANCELLED, DEADLINE_EXCEEDED and so on, as
  // Cancellation::Check. Of spooled rows also UNAVAILABLE, STORAGE_FAILED.
  absl::Status Add(const Examples& examples, const RowOrder& rows,
                   const Cancellation& cancellation);
  // All examples.
  absl::Status Add(const Examples& examples, const Cancellation& cancellation);
  double weight_sum() const { return weight_sum_; }
  // What is kept of the rows so far.
  int64_t kept_bytes() const { return metrics_.kept_bytes(); }
  // As Add.
  absl::StatusOr<Evaluation> Finish(const Cancellation& cancellation) const;

 private:
  void MakeRoom(int64_t count);
  absl::Status AddBlock(RowFeed* feed, int64_t count);
  absl::Status Gather(RowFeed* feed, int64_t count);
  void AddLoss(int64_t count);

  const Network& network_;
  const Predictor& predictor_;
  const Normalization& normalization_;
  const Executor& executor_;
  Matrix inputs_;
  Matrix targets_;
  Matrix outputs_;
  Matrix logits_;
  std::vector<float> weights_;
  std::vector<double> row_loss_;
  Predictor::Scratch scratch_;
  MetricsAccumulator metrics_;
  double loss_sum_ = 0;
  double weight_sum_ = 0;
};

// `predictor` is of the same snapshot as `normalization`. Rows go in blocks of at
// most 4,096, the cancellation is polled between them. Fails as Evaluator::Add.
absl::StatusOr<Evaluation> Evaluate(const Network& network, const Predictor& predictor,
                                    const Normalization& normalization, const Examples& examples,
                                    double threshold, const Executor& executor,
                                    const Cancellation& cancellation);

// The same of some of the examples.
absl::StatusOr<Evaluation> EvaluateRows(const Network& network, const Predictor& predictor,
                                        const Normalization& normalization,
                                        const Examples& examples, const RowOrder& rows,
                                        double threshold, const Executor& executor,
                                        const Cancellation& cancellation);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_EVALUATION_H_
