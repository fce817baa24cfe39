#include "engine/train/evaluation.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "engine/kernels/loss.h"
#include "engine/nn/workspace.h"
#include "engine/train/batch_gradient.h"

namespace chainrule::engine {
namespace {

// Evaluates block by block; holds what blocks share.
class Evaluator {
 public:
  Evaluator(const Network& network, const Predictor& predictor, const Normalization& normalization,
            const Examples& examples, int64_t capacity, double threshold, const Executor& executor)
      : network_(network),
        predictor_(predictor),
        normalization_(normalization),
        examples_(examples),
        executor_(executor),
        inputs_(capacity, network.spec().input_width),
        targets_(capacity, network.spec().output_width()),
        outputs_(capacity, network.spec().output_width()),
        logits_(capacity, network.spec().output_width()),
        weights_(static_cast<size_t>(capacity)),
        row_loss_(static_cast<size_t>(capacity)),
        metrics_(network.spec(), threshold) {}

  void Add(std::span<const int64_t> rows) {
    const auto count = static_cast<int64_t>(rows.size());
    const MatrixView targets = targets_.view().Rows(0, count);
    const MatrixView outputs = outputs_.view().Rows(0, count);
    const std::span<float> weights = std::span<float>(weights_).first(rows.size());
    examples_.Gather(rows, inputs_.view().Rows(0, count), targets, weights);
    predictor_.Run(inputs_.view().Rows(0, count), outputs, logits_.view().Rows(0, count), &scratch_,
                   &executor_);
    metrics_.Add(outputs, targets, weights);
    AddLoss(count);
  }

  Evaluation Finish() const {
    return {.loss = weight_sum_ > 0 ? loss_sum_ / weight_sum_ : 0.0, .metrics = metrics_.Compute()};
  }

 private:
  // In the network's own units, in which training measures it too.
  void AddLoss(int64_t count) {
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

  const Network& network_;
  const Predictor& predictor_;
  const Normalization& normalization_;
  const Examples& examples_;
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

}  // namespace

absl::StatusOr<Evaluation> EvaluateRows(const Network& network, const Predictor& predictor,
                                        const Normalization& normalization,
                                        const Examples& examples, std::span<const int64_t> rows,
                                        double threshold, const Executor& executor,
                                        const Cancellation& cancellation) {
  const size_t capacity = std::min(rows.size(), static_cast<size_t>(kMaxBlockRows));
  Evaluator evaluator(network, predictor, normalization, examples, static_cast<int64_t>(capacity),
                      threshold, executor);
  for (size_t first = 0; first < rows.size(); first += capacity) {
    if (absl::Status status = cancellation.Check(); !status.ok()) return status;
    evaluator.Add(rows.subspan(first, std::min(capacity, rows.size() - first)));
  }
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
