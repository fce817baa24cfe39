// BatchReader: brings the rows of a mini-batch into matrices, converted and
// standardised in the one pass that reads them.
// Thread-safe: immutable once created; Read writes only to its arguments.
#ifndef CHAINRULE_ENGINE_TRAIN_BATCH_READER_H_
#define CHAINRULE_ENGINE_TRAIN_BATCH_READER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "engine/core/executor.h"
#include "engine/core/matrix.h"
#include "engine/nn/normalization.h"
#include "engine/train/examples.h"
#include "engine/train/row_feed.h"

namespace chainrule::engine {

class BatchReader {
 public:
  // The normalisation is read here only.
  explicit BatchReader(const Normalization& normalization);

  // Row i of the outputs ← example rows[i], standardised; weights[i] ← its weight, 1
  // where there are none. Allocates nothing.
  void Read(const Executor& executor, const Examples& examples, std::span<const int64_t> rows,
            MatrixView inputs, MatrixView targets, std::span<float> weights) const;
  // The same of the next rows of `feed`, as many as the outputs have. A row that weighs 0
  // brings zeros: whatever stands in it, nothing is learned from it. Fails as RowFeed::Next.
  absl::Status Read(const Executor& executor, RowFeed* feed, MatrixView inputs, MatrixView targets,
                    std::span<float> weights) const;

 private:
  // x' = (x − mean)·(1/scale): the division is done once a column.
  struct Columns {
    std::vector<float> mean;
    std::vector<float> inverse_scale;
  };
  static Columns Prepare(const Standardizer& standardizer);
  static void Standardize(const Columns& columns, std::span<float> row);

  const Columns inputs_;
  const Columns targets_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_BATCH_READER_H_
