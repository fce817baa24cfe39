// FindFault: a pass over a chunk's elements, block by block, converted as training
// will convert them.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/kernels/reduce.h"
#include "engine/train/examples.h"

namespace chainrule::engine {
namespace {

using Kind = ExampleFault::Kind;

constexpr double kRowSumTolerance = 1e-5;
// Elements that are converted at a time: they fit the first-level cache.
constexpr int64_t kBlock = 2'048;

ExampleFault FaultAt(Kind kind, const ElementRows& elements, int64_t index) {
  return {.kind = kind,
          .row = index / elements.columns,
          .column = index % elements.columns,
          .value = elements.ElementAt(index)};
}

// Calls check(first, values) for one block of elements after another, until it
// returns a fault.
template <typename Check>
std::optional<ExampleFault> ForBlocks(const ElementRows& elements, int64_t rows, Check check) {
  std::array<float, kBlock> buffer;
  const int64_t total = rows * elements.columns;
  for (int64_t first = 0; first < total; first += kBlock) {
    const int64_t count = std::min(kBlock, total - first);
    const std::span<float> values(buffer.data(), static_cast<size_t>(count));
    elements.CopyElements(first, values);
    if (std::optional<ExampleFault> fault = check(first, values)) return fault;
  }
  return std::nullopt;
}

std::optional<ExampleFault> FindNotFinite(Kind kind, const ElementRows& elements, int64_t rows) {
  if (elements.type == ElementType::kUint8) return std::nullopt;
  return ForBlocks(elements, rows,
                   [&](int64_t first, std::span<float> values) -> std::optional<ExampleFault> {
                     const auto count = static_cast<int64_t>(values.size());
                     const auto found = FindNonFinite(ConstMatrixView(values.data(), 1, count));
                     if (!found) return std::nullopt;
                     return FaultAt(kind, elements, first + found->column);
                   });
}

std::optional<ExampleFault> FindOutsideUnitInterval(const ElementRows& targets, int64_t rows) {
  return ForBlocks(
      targets, rows, [&](int64_t first, std::span<float> values) -> std::optional<ExampleFault> {
        const auto outside = std::find_if(values.begin(), values.end(),
                                          [](float y) { return !(y >= 0.0F && y <= 1.0F); });
        if (outside == values.end()) return std::nullopt;
        return FaultAt(Kind::kTargetOutsideUnitInterval, targets,
                       first + (outside - values.begin()));
      });
}

std::optional<ExampleFault> FindRowSum(const ElementRows& targets, int64_t rows) {
  double sum = 0;
  return ForBlocks(targets, rows,
                   [&](int64_t first, std::span<float> values) -> std::optional<ExampleFault> {
                     for (size_t i = 0; i < values.size(); ++i) {
                       sum += static_cast<double>(values[i]);
                       const int64_t index = first + static_cast<int64_t>(i);
                       if ((index + 1) % targets.columns != 0) continue;
                       if (!(std::abs(sum - 1) <= kRowSumTolerance)) {
                         return ExampleFault{.kind = Kind::kTargetRowSum,
                                             .row = index / targets.columns,
                                             .column = 0,
                                             .value = sum};
                       }
                       sum = 0;
                     }
                     return std::nullopt;
                   });
}

std::optional<ExampleFault> FindTargetFault(const ElementRows& targets, int64_t rows, Loss loss) {
  if (auto fault = FindNotFinite(Kind::kTargetNotFinite, targets, rows)) return fault;
  if (IsRegression(loss)) return std::nullopt;
  if (auto fault = FindOutsideUnitInterval(targets, rows)) return fault;
  if (loss != Loss::kCategoricalCrossEntropy) return std::nullopt;
  return FindRowSum(targets, rows);
}

std::optional<ExampleFault> FindClassFault(std::span<const int32_t> ids, int64_t classes) {
  const auto wrong =
      std::find_if(ids.begin(), ids.end(), [&](int32_t id) { return id < 0 || id >= classes; });
  if (wrong == ids.end()) return std::nullopt;
  return ExampleFault{.kind = Kind::kClassOutOfRange,
                      .row = wrong - ids.begin(),
                      .column = 0,
                      .value = static_cast<double>(*wrong)};
}

std::optional<ExampleFault> FindWeightFault(const ElementRows& weights, int64_t rows) {
  if (auto fault = FindNotFinite(Kind::kWeightNotFinite, weights, rows)) {
    if (std::isfinite(fault->value)) fault->kind = Kind::kWeightOverflow;
    return fault;
  }
  return ForBlocks(
      weights, rows, [&](int64_t first, std::span<float> values) -> std::optional<ExampleFault> {
        const auto negative =
            std::find_if(values.begin(), values.end(), [](float w) { return w < 0.0F; });
        if (negative == values.end()) return std::nullopt;
        return FaultAt(Kind::kWeightNegative, weights, first + (negative - values.begin()));
      });
}

}  // namespace

std::optional<ExampleFault> FindFault(const ExampleChunk& chunk, const NetworkSpec& spec) {
  if (auto fault = FindNotFinite(Kind::kInputNotFinite, chunk.inputs, chunk.rows)) return fault;
  if (chunk.targets.data != nullptr) {
    if (auto fault = FindTargetFault(chunk.targets, chunk.rows, spec.loss.kind)) return fault;
  } else {
    const int64_t classes = spec.output_width() == 1 ? 2 : spec.output_width();
    if (auto fault = FindClassFault(chunk.class_ids, classes)) return fault;
  }
  if (chunk.sample_weights.data == nullptr) return std::nullopt;
  return FindWeightFault(chunk.sample_weights, chunk.rows);
}

}  // namespace chainrule::engine
