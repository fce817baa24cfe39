#include "engine/train/fit_normalization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace chainrule::engine {
namespace {

// Rows are summed up in at most so many parts, which are then merged in order.
constexpr int64_t kParts = 64;
constexpr int64_t kLeastRowsOfAPart = 256;

// Mean and sum of squared deviations of each column of `count` rows.
struct Moments {
  int64_t count = 0;
  std::vector<double> mean;
  std::vector<double> deviations;
};

// B. P. Welford, Technometrics 4, 1962: one more row.
void AddRow(std::span<const float> row, Moments* moments) {
  const double share = 1.0 / static_cast<double>(++moments->count);
  double* const mean = moments->mean.data();
  double* const deviations = moments->deviations.data();
  for (size_t j = 0; j < row.size(); ++j) {
    const double x = static_cast<double>(row[j]);
    const double delta = x - mean[j];
    mean[j] += delta * share;
    deviations[j] += delta * (x - mean[j]);
  }
}

// T. F. Chan, G. H. Golub, R. J. LeVeque, 1979: two parts of one sample.
void Merge(const Moments& part, Moments* whole) {
  const auto before = static_cast<double>(whole->count);
  const auto added = static_cast<double>(part.count);
  const double total = before + added;
  for (size_t j = 0; j < part.mean.size(); ++j) {
    const double delta = part.mean[j] - whole->mean[j];
    whole->mean[j] += delta * (added / total);
    whole->deviations[j] += part.deviations[j] + delta * delta * (before * added / total);
  }
  whole->count += part.count;
}

// copy(row, destination) brings one row of `width` columns.
template <typename Copy>
Moments MomentsOf(std::span<const int64_t> rows, int64_t width, const Executor& executor,
                  Copy copy) {
  const auto count = static_cast<int64_t>(rows.size());
  const int64_t size = std::max(kLeastRowsOfAPart, (count + kParts - 1) / kParts);
  const auto columns = static_cast<size_t>(width);
  const Moments none = {.mean = std::vector<double>(columns),
                        .deviations = std::vector<double>(columns)};
  std::vector<Moments> parts(static_cast<size_t>((count + size - 1) / size), none);
  executor.ParallelFor(static_cast<int64_t>(parts.size()), [&](int64_t index) {
    std::vector<float> row(columns);
    for (int64_t i = index * size; i < std::min(count, (index + 1) * size); ++i) {
      copy(rows[static_cast<size_t>(i)], std::span<float>(row));
      AddRow(row, &parts[static_cast<size_t>(index)]);
    }
  });
  for (size_t i = 1; i < parts.size(); ++i) Merge(parts[i], &parts[0]);
  return parts[0];
}

Standardizer ToStandardizer(const Moments& moments) {
  Standardizer standardizer;
  for (size_t j = 0; j < moments.mean.size(); ++j) {
    const auto deviation =
        static_cast<float>(std::sqrt(moments.deviations[j] / static_cast<double>(moments.count)));
    const bool usable = std::isfinite(deviation) && deviation >= std::numeric_limits<float>::min();
    standardizer.mean.push_back(static_cast<float>(moments.mean[j]));
    standardizer.scale.push_back(usable ? deviation : 1.0F);
  }
  return standardizer;
}

}  // namespace

Normalization FitNormalization(const NetworkSpec& spec, const Examples& examples,
                               std::span<const int64_t> rows, const Executor& executor) {
  Normalization normalization;
  normalization.inputs = ToStandardizer(
      MomentsOf(rows, spec.input_width, executor,
                [&](int64_t row, std::span<float> to) { examples.CopyInputs(row, to); }));
  if (IsRegression(spec.loss.kind)) {
    normalization.targets = ToStandardizer(
        MomentsOf(rows, spec.output_width(), executor,
                  [&](int64_t row, std::span<float> to) { examples.CopyTargets(row, to); }));
  }
  return normalization;
}

}  // namespace chainrule::engine
