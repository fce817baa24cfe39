#include "engine/train/evaluation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/kernels/loss.h"
#include "engine/nn/workspace.h"
#include "engine/train/batch_gradient.h"

namespace chainrule::engine {

Evaluator::Evaluator(const Network& network, const Predictor& predictor,
                     const Normalization& normalization, double threshold, const Executor& executor)
    : network_(network),
      predictor_(predictor),
      normalization_(normalization),
      executor_(executor),
      metrics_(network.spec(), threshold) {}

void Evaluator::MakeRoom(int64_t count) {
  if (count <= inputs_.rows()) return;
  inputs_ = Matrix(count, network_.spec().input_width);
  targets_ = Matrix(count, network_.spec().output_width());
  outputs_ = Matrix(count, network_.spec().output_width());
  logits_ = Matrix(count, network_.spec().output_width());
  weights_.resize(static_cast<size_t>(count));
  row_loss_.resize(static_cast<size_t>(count));
}

absl::Status Evaluator::Add(const Examples& examples, const RowOrder& rows,
                            const Cancellation& cancellation) {
  RowFeed feed(examples);
  feed.Begin(rows);
  for (int64_t first = 0; first < rows.size(); first += kMaxBlockRows) {
    if (absl::Status status = cancellation.Check(); !status.ok()) return status;
    absl::Status status = AddBlock(&feed, std::min(kMaxBlockRows, rows.size() - first));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Evaluator::Add(const Examples& examples, const Cancellation& cancellation) {
  return Add(examples, AllRows(examples.rows()), cancellation);
}

absl::Status Evaluator::AddBlock(RowFeed* feed, int64_t count) {
  MakeRoom(count);
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

absl::StatusOr<Evaluation> Evaluator::Finish(const Cancellation& cancellation) const {
  absl::StatusOr<Metrics> metrics = metrics_.Compute(executor_, cancellation);
  if (!metrics.ok()) return metrics.status();
  return Evaluation{.loss = weight_sum_ > 0 ? loss_sum_ / weight_sum_ : 0.0,
                    .weight_sum = weight_sum_,
                    .metrics = *std::move(metrics)};
}

absl::StatusOr<Evaluation> EvaluateRows(const Network& network, const Predictor& predictor,
                                        const Normalization& normalization,
                                        const Examples& examples, const RowOrder& rows,
                                        double threshold, const Executor& executor,
                                        const Cancellation& cancellation) {
  Evaluator evaluator(network, predictor, normalization, threshold, executor);
  absl::Status status = evaluator.Add(examples, rows, cancellation);
  if (!status.ok()) return status;
  return evaluator.Finish(cancellation);
}

absl::StatusOr<Evaluation> Evaluate(const Network& network, const Predictor& predictor,
                                    const Normalization& normalization, const Examples& examples,
                                    double threshold, const Executor& executor,
                                    const Cancellation& cancellation) {
  return EvaluateRows(network, predictor, normalization, examples, AllRows(examples.rows()),
                      threshold, executor, cancellation);
}

}  // namespace chainrule::engine
