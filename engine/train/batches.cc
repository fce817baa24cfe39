#include "engine/train/batches.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

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

// Lists of both parts.
RowSplit SplitListed(const RandomStream& stream, int64_t rows, int64_t validation) {
  std::vector<int64_t> training(static_cast<size_t>(rows));
  std::iota(training.begin(), training.end(), int64_t{0});
  Permute(stream, training);
  std::vector<int64_t> drawn(training.end() - validation, training.end());
  training.resize(static_cast<size_t>(rows - validation));
  std::sort(training.begin(), training.end());
  std::sort(drawn.begin(), drawn.end());
  return {std::make_unique<ListedRows>(std::move(training)),
          std::make_unique<ListedRows>(std::move(drawn))};
}

// A bit for each row.
RowSplit SplitMarked(const RandomStream& stream, int64_t rows, int64_t validation) {
  const Permutation permutation(rows, stream);
  auto marks = std::make_shared<RowMarks>(rows);
  for (int64_t i = 0; i < validation; ++i) marks->Mark(permutation.At(i));
  return {std::make_unique<MarkedRows>(marks, false), std::make_unique<MarkedRows>(marks, true)};
}

}  // namespace

void Shuffle(int64_t seed, int64_t key, std::span<int64_t> rows) {
  Permute(RandomStream(seed, RandomPurpose::kShuffle, key), rows);
}

std::unique_ptr<const RowOrder> ShuffledRows(int64_t seed, int64_t key, const RowOrder& base,
                                             int64_t max_listed) {
  if (base.size() > max_listed) {
    const RandomStream stream(seed, RandomPurpose::kShuffle, key);
    return std::make_unique<PermutedRows>(base, stream);
  }
  std::vector<int64_t> rows(static_cast<size_t>(base.size()));
  base.Copy(0, rows);
  Shuffle(seed, key, rows);
  return std::make_unique<ListedRows>(std::move(rows));
}

RowSplit SplitRows(int64_t seed, int64_t rows, double fraction, int64_t max_listed) {
  const int64_t validation = ValidationRows(rows, fraction);
  if (validation == 0) return {std::make_unique<AllRows>(rows), std::make_unique<AllRows>(0)};
  const RandomStream stream(seed, RandomPurpose::kValidationSplit, 0);
  return rows > max_listed ? SplitMarked(stream, rows, validation)
                           : SplitListed(stream, rows, validation);
}

}  // namespace chainrule::engine
