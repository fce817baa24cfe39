// BatchGradient: loss and parameter gradient of a mini-batch, over blocks of at most
// 4,096 rows that accumulate in order.
// Single-threaded (it has a workspace); the products use the executor.
#ifndef CHAINRULE_ENGINE_TRAIN_BATCH_GRADIENT_H_
#define CHAINRULE_ENGINE_TRAIN_BATCH_GRADIENT_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "engine/core/executor.h"
#include "engine/nn/chain.h"
#include "engine/nn/network.h"
#include "engine/nn/workspace.h"
#include "engine/train/batch_reader.h"
#include "engine/train/row_feed.h"

namespace chainrule::engine {

// Sums over the batch, so that batches add up to an epoch.
struct BatchLoss {
  double loss_sum = 0;    // Σ wᵢ·lossᵢ
  double weight_sum = 0;  // Σ wᵢ
  double penalty = 0;

  // Σ wᵢ·lossᵢ / Σ wᵢ. A batch whose rows all weigh 0 has the loss 0.
  double loss() const { return weight_sum > 0 ? loss_sum / weight_sum : loss_sum; }
};

class BatchGradient {
 public:
  // `network` and `executor` are borrowed, the normalisation is read here. `batch_rows`: the
  // most rows that a batch will have; the workspace is made here.
  BatchGradient(const Network& network, const Normalization& normalization, int64_t batch_rows,
                const Executor& executor);

  // gradient ← ∂(loss + penalty)/∂θ of the next `rows` rows of `feed`, a block laid out as
  // the parameters, with the dropout of the step that starts at `step`. Where the rows'
  // weights sum to 0 the loss's part is 0 and the penalties' part remains. Allocates
  // nothing. Fails as the feed does: then `gradient` is not to be looked at.
  absl::StatusOr<BatchLoss> Compute(RowFeed* feed, int64_t rows, std::span<const float> parameters,
                                    int64_t step, std::span<float> gradient);
  // The same for who wants it part by part: `then` is given each as it is complete, as
  // by Chain::Backward; `gradient` holds nothing afterwards. Requires !has_penalties().
  absl::StatusOr<BatchLoss> ComputeInParts(RowFeed* feed, int64_t rows,
                                           std::span<const float> parameters, int64_t step,
                                           std::span<float> gradient, GradientPart then);

  // Whether penalties are added to the gradient when all else is complete.
  bool has_penalties() const { return has_penalties_; }
  int64_t memory_bytes() const { return workspace_.bytes() + scratch_.bytes(); }

 private:
  // What all blocks of a batch have.
  struct Batch {
    RowFeed* feed;
    std::span<const float> parameters;
    const ChainDropout* dropout;
    double weight_sum;
  };
  // Rows of a batch that are computed at once, and where they stand in it.
  struct Block {
    int64_t rows = 0;
    bool first = false;
    bool last = false;
  };
  // What is done to a block when its dz of the last layer is complete.
  using BackwardPass = absl::FunctionRef<void(const Block& block, float scale)>;

  absl::StatusOr<BatchLoss> AddBlocks(RowFeed* feed, int64_t rows,
                                      std::span<const float> parameters, int64_t step,
                                      BackwardPass backward);
  // Σ w·loss of the block.
  absl::StatusOr<double> AddBlock(const Batch& batch, const Block& block, BackwardPass backward);

  const Network& network_;
  const Executor& executor_;
  const Chain chain_;
  const BatchReader reader_;
  const bool drops_;
  const bool has_penalties_;
  Workspace workspace_;
  TileScratch scratch_;
};

// Whether a layer of the network drops activations while training.
bool HasDropout(const NetworkSpec& spec);
// Whether a layer's weights are penalised.
bool HasPenalties(const NetworkSpec& spec);

// gradient += the penalties' of all layers; returns the penalties. Both are blocks.
double AddPenalties(const Network& network, std::span<const float> parameters,
                    std::span<float> gradient);

// weights ← weights/weight_sum, in double: what each example counts in the mean. Zeros
// where the sum is 0. Weights too large or too small for float32's products then give
// the gradient that others of the same proportions give.
void ToShares(double weight_sum, std::span<float> weights);

// Σ wᵢ·lossᵢ, in the order of the rows.
double WeightedSum(std::span<const double> losses, std::span<const float> weights);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_BATCH_GRADIENT_H_
