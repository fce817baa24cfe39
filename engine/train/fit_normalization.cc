#include "engine/train/fit_normalization.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "engine/kernels/columns.h"
#include "engine/train/row_feed.h"

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

void AddRow(std::span<const float> row, Moments* moments) {
  const double share = 1.0 / static_cast<double>(++moments->count);
  AddToMoments(row, share, moments->mean, moments->deviations);
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

int64_t RowsOfAPart(int64_t count) {
  return std::max(kLeastRowsOfAPart, (count + kParts - 1) / kParts);
}

// Of `count` rows, nothing so far.
std::vector<Moments> Parts(int64_t count, int64_t width) {
  const auto columns = static_cast<size_t>(width);
  const int64_t size = RowsOfAPart(count);
  return {
      static_cast<size_t>((count + size - 1) / size),
      Moments{.mean = std::vector<double>(columns), .deviations = std::vector<double>(columns)}};
}

Moments Merged(std::vector<Moments> parts) {
  for (size_t i = 1; i < parts.size(); ++i) Merge(parts[i], &parts[0]);
  return std::move(parts[0]);
}

// copy(row, destination) brings one row of `width` columns.
template <typename Copy>
Moments MomentsOf(const RowOrder& rows, int64_t width, const Executor& executor, Copy copy) {
  const auto count = rows.size();
  const int64_t size = RowsOfAPart(count);
  std::vector<Moments> parts = Parts(count, width);
  executor.ParallelFor(static_cast<int64_t>(parts.size()), [&](int64_t index) {
    std::vector<float> row(static_cast<size_t>(width));
    for (int64_t i = index * size; i < std::min(count, (index + 1) * size); ++i) {
      int64_t number = 0;
      rows.Copy(i, {&number, 1});
      copy(number, std::span<float>(row));
      AddRow(row, &parts[static_cast<size_t>(index)]);
    }
  });
  return Merged(std::move(parts));
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

struct BothMoments {
  Moments inputs;
  Moments targets;  // of a regression
};

// The same parts one after another, as the rows come.
absl::StatusOr<BothMoments> SpooledMoments(const Examples& examples, const RowOrder& rows,
                                           int64_t target_width, const Cancellation& cancellation) {
  const auto count = rows.size();
  const int64_t size = RowsOfAPart(count);
  std::vector<Moments> inputs = Parts(count, examples.input_width());
  std::vector<Moments> targets = Parts(count, target_width);
  std::vector<float> input(static_cast<size_t>(examples.input_width()));
  std::vector<float> target(static_cast<size_t>(target_width));
  RowFeed feed(examples);
  feed.Begin(rows);
  for (int64_t done = 0; done < count;) {
    if (absl::Status status = cancellation.Check(); !status.ok()) return status;
    const absl::StatusOr<RowPiece> piece = feed.Next(count - done);
    if (!piece.ok()) return piece.status();
    for (const int64_t row : piece->rows) {
      const auto part = static_cast<size_t>(done++ / size);
      piece->examples->CopyInputs(row, input);
      AddRow(input, &inputs[part]);
      if (target_width == 0) continue;
      piece->examples->CopyTargets(row, target);
      AddRow(target, &targets[part]);
    }
  }
  return BothMoments{Merged(std::move(inputs)), Merged(std::move(targets))};
}

absl::StatusOr<BothMoments> MomentsOfBoth(const Examples& examples, const RowOrder& rows,
                                          int64_t target_width, const Executor& executor,
                                          const Cancellation& cancellation) {
  if (examples.spooled() != nullptr) {
    return SpooledMoments(examples, rows, target_width, cancellation);
  }
  BothMoments moments;
  moments.inputs =
      MomentsOf(rows, examples.input_width(), executor,
                [&](int64_t row, std::span<float> to) { examples.CopyInputs(row, to); });
  if (target_width == 0) return moments;
  moments.targets = MomentsOf(rows, target_width, executor, [&](int64_t row, std::span<float> to) {
    examples.CopyTargets(row, to);
  });
  return moments;
}

// Standardised targets lie on both sides of 0, where not every activation goes.
bool StandardizesTargets(const NetworkSpec& spec) {
  const Activation last = spec.layers.back().activation.kind;
  return IsRegression(spec.loss.kind) &&
         (last == Activation::kIdentity || last == Activation::kLeakyRelu);
}

}  // namespace

absl::StatusOr<Normalization> FitNormalization(const NetworkSpec& spec, const Examples& examples,
                                               const RowOrder& rows, const Executor& executor,
                                               const Cancellation& cancellation) {
  const int64_t target_width = StandardizesTargets(spec) ? spec.output_width() : 0;
  const absl::StatusOr<BothMoments> moments =
      MomentsOfBoth(examples, rows, target_width, executor, cancellation);
  if (!moments.ok()) return moments.status();
  Normalization normalization;
  normalization.inputs = ToStandardizer(moments->inputs);
  normalization.targets = ToStandardizer(moments->targets);
  return normalization;
}

}  // namespace chainrule::engine
