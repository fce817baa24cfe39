#include "engine/train/batch_reader.h"

#include <algorithm>

#include "engine/kernels/columns.h"
#include "engine/nn/row_blocks.h"

namespace chainrule::engine {
namespace {

void ClearRowsOfNoWeight(MatrixView inputs, MatrixView targets, std::span<const float> weights) {
  for (int64_t i = 0; i < inputs.rows; ++i) {
    if (weights[static_cast<size_t>(i)] != 0.0F) continue;
    std::ranges::fill(inputs.row(i), 0.0F);
    std::ranges::fill(targets.row(i), 0.0F);
  }
}

}  // namespace

BatchReader::BatchReader(const Normalization& normalization)
    : inputs_(Prepare(normalization.inputs)), targets_(Prepare(normalization.targets)) {}

BatchReader::Columns BatchReader::Prepare(const Standardizer& standardizer) {
  Columns columns = {.mean = standardizer.mean, .inverse_scale = standardizer.scale};
  for (float& scale : columns.inverse_scale) scale = 1.0F / scale;
  return columns;
}

void BatchReader::Standardize(const Columns& columns, std::span<float> row) {
  if (!columns.mean.empty()) StandardizeByInverse(columns.mean, columns.inverse_scale, row);
}

void BatchReader::Read(const Executor& executor, const Examples& examples,
                       std::span<const int64_t> rows, MatrixView inputs, MatrixView targets,
                       std::span<float> weights) const {
  const auto count = static_cast<int64_t>(rows.size());
  ForRowBlocks(executor, count, inputs.columns, [&](int64_t first, int64_t block) {
    Example example = examples.At(rows[static_cast<size_t>(first)]);
    for (int64_t i = first; i < first + block; ++i) {
      const auto row = static_cast<size_t>(i);
      const Example next = i + 1 < count ? examples.At(rows[row + 1]) : example;
      next.PrefetchInputs();
      example.CopyInputs(inputs.row(i));
      Standardize(inputs_, inputs.row(i));
      example.CopyTargets(targets.row(i));
      Standardize(targets_, targets.row(i));
      weights[row] = example.Weight();
      example = next;
    }
  });
}

absl::Status BatchReader::Read(const Executor& executor, RowFeed* feed, MatrixView inputs,
                               MatrixView targets, std::span<float> weights) const {
  int64_t done = 0;
  while (done < inputs.rows) {
    const absl::StatusOr<RowPiece> piece = feed->Next(inputs.rows - done);
    if (!piece.ok()) return piece.status();
    const auto count = static_cast<int64_t>(piece->rows.size());
    Read(executor, *piece->examples, piece->rows, inputs.Rows(done, count),
         targets.Rows(done, count), weights.subspan(static_cast<size_t>(done), piece->rows.size()));
    done += count;
  }
  if (feed->weighted()) ClearRowsOfNoWeight(inputs, targets, weights);
  return absl::OkStatus();
}

}  // namespace chainrule::engine
