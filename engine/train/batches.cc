#include "engine/train/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "engine/core/random.h"

namespace chainrule::engine {
namespace {

void Permute(const RandomStream& stream, std::span<int64_t> rows) {
  for (size_t i = rows.size(); i > 1; --i) {
    std::swap(rows[i - 1], rows[stream.Below(i, i)]);
  }
}

int64_t ValidationRows(int64_t rows, double fraction) {
  if (fraction <= 0.0) return 0;
  const auto wanted = static_cast<int64_t>(std::llround(fraction * static_cast<double>(rows)));
  return std::min(std::max<int64_t>(wanted, 1), rows - 1);
}

}  // namespace

void Shuffle(int64_t seed, int64_t key, std::span<int64_t> rows) {
  Permute(RandomStream(seed, RandomPurpose::kShuffle, key), rows);
}

RowSplit SplitRows(int64_t seed, int64_t step, int64_t rows, double fraction) {
  RowSplit split;
  split.training.resize(static_cast<size_t>(rows));
  std::iota(split.training.begin(), split.training.end(), int64_t{0});
  const int64_t validation = ValidationRows(rows, fraction);
  if (validation == 0) return split;
  Permute(RandomStream(seed, RandomPurpose::kValidationSplit, step), split.training);
  split.validation.assign(split.training.end() - validation, split.training.end());
  split.training.resize(static_cast<size_t>(rows - validation));
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.validation.begin(), split.validation.end());
  return split;
}

}  // namespace chainrule::engine
