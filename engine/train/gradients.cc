#include "engine/train/gradients.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/kernels/loss.h"
#include "engine/kernels/reduce.h"
#include "engine/nn/chain.h"
#include "engine/nn/row_blocks.h"
#include "engine/nn/workspace.h"
#include "engine/train/batch_gradient.h"
#include "engine/train/batch_reader.h"
#include "engine/train/output_gradient.h"

namespace chainrule::engine {
namespace {

void Copy(ConstMatrixView from, MatrixView to) {
  for (int64_t i = 0; i < from.rows; ++i) {
    const std::span<const float> row = from.row(i);
    std::copy(row.begin(), row.end(), to.row(i).begin());
  }
}

// The rows of a result that a block's rows are, if the result is wanted.
void CopyIfWanted(ConstMatrixView from, MatrixView to, int64_t first_row) {
  if (to.data != nullptr) Copy(from, to.Rows(first_row, from.rows));
}

double SquaredNormOfRow(ConstMatrixView matrix, int64_t row) {
  return SquaredNorm(matrix.row(row));
}

// The backward pass in the open: layer by layer as Chain::Backward, but what belongs
// to one example stays unweighted, and every link may be looked at.
class GradientPass {
 public:
  GradientPass(const Network& network, const ModelState& state, const Examples& examples,
               const GradientOutputs& outputs, int64_t capacity, const Executor& executor)
      : network_(network),
        state_(state),
        examples_(examples),
        outputs_(outputs),
        executor_(executor),
        chain_(network, executor),
        reader_(*state.normalization),
        workspace_(network, capacity, {.keep_z = true}),
        weighted_(examples.weighted() ? capacity * Widest() : 0) {}

  // Σ wᵢ·lossᵢ of the block of examples `rows`; parameter gradients are those of the
  // blocks so far, as parts of a batch that weighs `weight_sum`.
  double Add(std::span<const int64_t> rows, double weight_sum) {
    const auto count = static_cast<int64_t>(rows.size());
    first_row_ = rows.front();
    scale_ = examples_.weighted() ? 1.0F : static_cast<float>(1.0 / weight_sum);
    reader_.Read(executor_, examples_, rows, workspace_.inputs(count), workspace_.targets(count),
                 workspace_.weights(count));
    chain_.Forward(parameters(), count, nullptr, &workspace_);
    chain_.LossGradient(count, &workspace_);
    const double loss_sum = WeightedSum(workspace_.row_loss(count), workspace_.weights(count));
    ToShares(weight_sum, workspace_.weights(count));
    CopyForward(count);
    BackwardOutput(count);
    for (int64_t l = network_.layer_count() - 1; l >= lowest_layer_; --l) BackwardLayer(l, count);
    return loss_sum;
  }

  // The penalties of all layers; their gradients are added to those that are wanted.
  double AddPenalties() const {
    double penalty = 0;
    for (int64_t l = 0; l < network_.layer_count(); ++l) {
      const LayerSpec& layer = network_.spec().layers[static_cast<size_t>(l)];
      if (layer.l1 == 0.0F && layer.l2 == 0.0F) continue;
      const ConstMatrixView weights = network_.weights(parameters(), l);
      const MatrixView wanted = output(l).weights;
      Matrix unwanted;
      if (wanted.data == nullptr) unwanted = Matrix(weights.rows, weights.columns);
      penalty += AddPenalty(layer.l1, layer.l2, weights,
                            wanted.data == nullptr ? unwanted.view() : wanted);
    }
    return penalty;
  }

 private:
  std::span<const float> parameters() const { return state_.parameters->span(); }
  const GradientOutputs::Layer& output(int64_t layer) const {
    return outputs_.layers[static_cast<size_t>(layer)];
  }

  int64_t Widest() const {
    int64_t widest = 0;
    for (int64_t l = 0; l < network_.layer_count(); ++l) {
      widest = std::max(widest, network_.layer_units(l));
    }
    return widest;
  }

  // The backward pass ends at the lowest layer of which something is wanted.
  int64_t LowestLayer() const {
    if (outputs_.inputs.data != nullptr || !outputs_.example_norms.empty()) return 0;
    for (int64_t l = 0; l < network_.layer_count(); ++l) {
      const GradientOutputs::Layer& wanted = output(l);
      if (wanted.weights.data != nullptr || !wanted.bias.empty() || wanted.dz.data != nullptr ||
          wanted.da.data != nullptr) {
        return l;
      }
    }
    return network_.layer_count();
  }

  void CopyForward(int64_t count) {
    for (int64_t l = 0; l < network_.layer_count(); ++l) {
      CopyIfWanted(workspace_.z(l, count), output(l).z, first_row_);
      CopyIfWanted(workspace_.a(l, count), output(l).a, first_row_);
    }
    if (outputs_.example_norms.empty()) return;
    for (int64_t i = 0; i < count; ++i) norm(i) = 0;
  }

  void BackwardOutput(int64_t count) {
    const int64_t last = network_.layer_count() - 1;
    if (output(last).da.data == nullptr) return;
    OutputGradient(network_.spec().loss, workspace_.z(last, count), workspace_.a(last, count),
                   workspace_.targets(count), output(last).da.Rows(first_row_, count));
  }

  // From dZ[l]: dW[l], db[l], dA[l−1] and dZ[l−1].
  void BackwardLayer(int64_t l, int64_t count) {
    const MatrixView dz = workspace_.dz(l, count);
    const MatrixView x = workspace_.input(l, count);
    CopyIfWanted(dz, output(l).dz, first_row_);
    if (!outputs_.example_norms.empty()) AddNorms(x, dz);
    if (l > 0) {
      BackwardActivation(l, count);
    } else if (outputs_.inputs.data != nullptr) {
      const MatrixView dx = outputs_.inputs.Rows(first_row_, count);
      chain_.layer(parameters(), 0).BackwardInputs(executor_, dz, dx);
      state_.normalization->inputs.Unscale(dx);
    }
    if (output(l).weights.data == nullptr && output(l).bias.empty()) return;
    chain_.layer(parameters(), l)
        .BackwardParameters(executor_, Told(x), Weighted(dz),
                            {.dw = output(l).weights,
                             .db = output(l).bias,
                             .scale = scale_,
                             .keep = first_row_ == 0 ? 0.0F : 1.0F});
  }

  // dA[l−1] = dZ[l]·W[l],  dZ[l−1] = dA[l−1] ∘ f'(Z[l−1]).
  void BackwardActivation(int64_t l, int64_t count) {
    const MatrixView da = workspace_.dz(l - 1, count);
    chain_.layer(parameters(), l).BackwardInputs(executor_, workspace_.dz(l, count), da);
    CopyIfWanted(da, output(l - 1).da, first_row_);
    MultiplyByDerivative(network_.spec().layers[static_cast<size_t>(l - 1)].activation,
                         workspace_.a(l - 1, count), workspace_.z(l - 1, count), da);
  }

  // x, which nothing else needs any more, without what examples that weigh nothing have
  // there: it may be infinite.
  ConstMatrixView Told(MatrixView x) {
    if (examples_.weighted()) ClearRowsOfNoWeight(x);
    return x;
  }

  // dz with each row times its example's share of the weights.
  ConstMatrixView Weighted(ConstMatrixView dz) {
    if (!examples_.weighted()) return dz;
    const MatrixView copy(weighted_.data(), dz.rows, dz.columns);
    Copy(dz, copy);
    ScaleRows(workspace_.weights(dz.rows), copy);
    ClearRowsOfNoWeight(copy);
    return copy;
  }

  void ClearRowsOfNoWeight(MatrixView x) {
    const std::span<const float> weights = workspace_.weights(x.rows);
    for (int64_t i = 0; i < x.rows; ++i) {
      if (weights[static_cast<size_t>(i)] == 0.0F) std::ranges::fill(x.row(i), 0.0F);
    }
  }

  // Of one example dW = dzᵀ·x and db = dz, so ‖dW‖² + ‖db‖² = ‖dz‖²·(‖x‖² + 1).
  void AddNorms(ConstMatrixView x, ConstMatrixView dz) {
    for (int64_t i = 0; i < dz.rows; ++i) {
      norm(i) += SquaredNormOfRow(dz, i) * (SquaredNormOfRow(x, i) + 1.0);
    }
  }
  double& norm(int64_t row) {
    return outputs_.example_norms[static_cast<size_t>(first_row_ + row)];
  }

  const Network& network_;
  const ModelState& state_;
  const Examples& examples_;
  const GradientOutputs& outputs_;
  const Executor& executor_;
  const Chain chain_;
  const BatchReader reader_;
  Workspace workspace_;
  AlignedBuffer weighted_;
  const int64_t lowest_layer_ = LowestLayer();
  int64_t first_row_ = 0;
  float scale_ = 1.0F;
};

}  // namespace

absl::StatusOr<GradientSummary> ComputeGradients(const Network& network, const ModelState& state,
                                                 const Examples& examples,
                                                 const GradientOutputs& outputs,
                                                 const Executor& executor,
                                                 const Cancellation& cancellation) {
  std::vector<int64_t> rows(static_cast<size_t>(examples.rows()));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  const size_t capacity = std::min(rows.size(), static_cast<size_t>(kMaxBlockRows));
  GradientPass pass(network, state, examples, outputs, static_cast<int64_t>(capacity), executor);
  GradientSummary summary;
  summary.weight_sum = examples.WeightSum(rows);
  for (size_t first = 0; first < rows.size(); first += capacity) {
    if (absl::Status status = cancellation.Check(); !status.ok()) return status;
    summary.loss += pass.Add(
        std::span<const int64_t>(rows).subspan(first, std::min(capacity, rows.size() - first)),
        summary.weight_sum);
  }
  if (summary.weight_sum > 0) summary.loss /= summary.weight_sum;
  summary.penalty = pass.AddPenalties();
  for (double& norm : outputs.example_norms) norm = std::sqrt(norm);
  return summary;
}

}  // namespace chainrule::engine
