#include "engine/train/evaluation.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "engine/kernels/loss.h"
#include "engine/nn/workspace.h"
#include "engine/train/batch_gradient.h"

namespace chainrule::engine {

Evaluator::Evaluator(const Network& network, const Predictor& predictor,
                     const Normalization& normalization, double threshold, const Executor& executor,
                     int64_t block_rows)
    : network_(network),
      predictor_(predictor),
      normalization_(normalization),
      executor_(executor),
      block_rows_(static_cast<size_t>(block_rows)),
      inputs_(block_rows, network.spec().input_width),
      targets_(block_rows, network.spec().output_width()),
      outputs_(block_rows, network.spec().output_width()),
      logits_(block_rows, network.spec().output_width()),
      weights_(block_rows_),
      row_loss_(block_rows_),
      metrics_(network.spec(), threshold) {}

absl::Status Evaluator::Add(const Examples& examples, std::span<const int64_t> rows,
                            const Cancellation& cancellation) {
  RowFeed feed(examples);
  feed.Begin(rows);
  for (size_t first = 0; first < rows.size(); first += block_rows_) {
    if (absl::Status status = cancellation.Check(); !status.ok()) return status;
    const size_t count = std::min(block_rows_, rows.size() - first);
    absl::Status status = AddBlock(&feed, static_cast<int64_t>(count));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Evaluator::Add(const Examples& examples, const Cancellation& cancellation) {
  std::vector<int64_t> rows(static_cast<size_t>(examples.rows()));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  return Add(examples, rows, cancellation);
}

absl::Status Evaluator::AddBlock(RowFeed* feed, int64_t count) {
  if (absl::Status status = Gather(feed, count); !status.ok()) return status;
  const MatrixView targets = targets_.view().Rows(0, count);
  const MatrixView outputs = outputs_.view().Rows(0, count);
  predictor_.Run(inputs_.view().Rows(0, count), outputs, logits_.view().Rows(0, count), &scratch_,
                 &executor_);
  metrics_.Add(outputs, targets,
               std::span<const float>(weights_).first(static_cast<size_t>(count)));
  AddLoss(count);
  return absl::OkStatus();
}

absl::Status Evaluator::Gather(RowFeed* feed, int64_t count) {
  for (int64_t done = 0; done < count;) {
    const absl::StatusOr<RowPiece> piece = feed->Next(count - done);
    if (!piece.ok()) return piece.status();
    const auto rows = static_cast<int64_t>(piece->rows.size());
    piece->examples->Gather(
        piece->rows, inputs_.view().Rows(done, rows), targets_.view().Rows(done, rows),
        std::span<float>(weights_).subspan(static_cast<size_t>(done), piece->rows.size()));
    done += rows;
  }
  return absl::OkStatus();
}

// In the network's own units, in which training measures it too.
void Evaluator::AddLoss(int64_t count) {
  const MatrixView targets = targets_.view().Rows(0, count);
  const MatrixView outputs = outputs_.view().Rows(0, count);
  normalization_.targets.Apply(targets);
  normalization_.targets.Apply(outputs);
  const auto rows = static_cast<size_t>(count);
  const std::span<double> row_loss = std::span<double>(row_loss_).first(rows);
  const std::span<const float> weights = std::span<const float>(weights_).first(rows);
  LossAndGradient(network_.spec().loss, logits_.view().Rows(0, count), outputs, targets, row_loss,
                  MatrixView());
  loss_sum_ += WeightedSum(row_loss, weights);
  for (const float weight : weights) weight_sum_ += static_cast<double>(weight);
}

Evaluation Evaluator::Finish() const {
  return {.loss = weight_sum_ > 0 ? loss_sum_ / weight_sum_ : 0.0, .metrics = metrics_.Compute()};
}

absl::StatusOr<Evaluation> EvaluateRows(const Network& network, const Predictor& predictor,
                                        const Normalization& normalization,
                                        const Examples& examples, std::span<const int64_t> rows,
                                        double threshold, const Executor& executor,
                                        const Cancellation& cancellation) {
  const int64_t block = std::min(static_cast<int64_t>(rows.size()), kMaxBlockRows);
  Evaluator evaluator(network, predictor, normalization, threshold, executor, block);
  absl::Status status = evaluator.Add(examples, rows, cancellation);
  if (!status.ok()) return status;
  return evaluator.Finish();
}

absl::StatusOr<Evaluation> Evaluate(const Network& network, const Predictor& predictor,
                                    const Normalization& normalization, const Examples& examples,
                                    double threshold, const Executor& executor,
                                    const Cancellation& cancellation) {
  std::vector<int64_t> rows(static_cast<size_t>(examples.rows()));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  return EvaluateRows(network, predictor, normalization, examples, rows, threshold, executor,
                      cancellation);
}

}  // namespace chainrule::engine
