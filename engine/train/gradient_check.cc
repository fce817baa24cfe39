#include "engine/train/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "engine/core/random.h"
#include "engine/nn/reference.h"
#include "engine/train/batch_reader.h"
#include "engine/train/gradients.h"

namespace chainrule::engine {
namespace {

// ∛(float64's rounding) balances the two errors of a central difference, h²·C''' and
// rounding/h; both are then about 1e-11, far below what float32 shows.
constexpr double kStep = 6e-6;

// Back-propagation of all parameters, and what the reference needs.
struct BackPropagation {
  BackPropagation(const Network& network, int64_t rows)
      : block(static_cast<size_t>(network.block_size())) {
    for (int64_t l = 0; l < network.layer_count(); ++l) {
      z.emplace_back(rows, network.layer_units(l));
      GradientOutputs::Layer& layer = outputs.layers.emplace_back();
      layer.weights = network.weights(block.span(), l);
      layer.bias = network.bias(block.span(), l);
      layer.z = z.back().view();
    }
  }
  double Gradient(const ParameterPlace& place) const {
    const GradientOutputs::Layer& layer = outputs.layers[static_cast<size_t>(place.layer)];
    return place.bias ? layer.bias[static_cast<size_t>(place.unit)]
                      : layer.weights(place.unit, place.input);
  }
  // The largest entry of the parameter's tensor.
  double Scale(const ParameterPlace& place) const {
    const GradientOutputs::Layer& layer = outputs.layers[static_cast<size_t>(place.layer)];
    const std::span<const float> tensor =
        place.bias
            ? std::span<const float>(layer.bias)
            : std::span<const float>(layer.weights.data, static_cast<size_t>(layer.weights.size()));
    double largest = 0;
    for (const float value : tensor) largest = std::max(largest, std::abs(double{value}));
    return largest;
  }

  AlignedBuffer block;
  std::vector<Matrix> z;
  GradientOutputs outputs;
};

// `count` different numbers of [0, bound) (R. W. Floyd, CACM 30, 1987), rising.
std::set<int64_t> Draw(const RandomStream& stream, int64_t bound, int64_t count) {
  std::set<int64_t> drawn;
  for (int64_t j = bound - count; j < bound; ++j) {
    const auto k =
        static_cast<int64_t>(stream.Below(static_cast<uint64_t>(j), static_cast<uint64_t>(j) + 1));
    if (!drawn.insert(k).second) drawn.insert(j);
  }
  return drawn;
}

// Parameter `index` of a layer's weights, or biases.
ParameterPlace PlaceOf(int64_t layer, bool bias, int64_t index, int64_t inputs) {
  if (bias) return {.layer = layer, .bias = true, .unit = index, .input = 0};
  return {.layer = layer, .bias = false, .unit = index / inputs, .input = index % inputs};
}

// `samples` places, spread evenly over the tensors: what a small one cannot give, the
// others do. All places if there are no more.
std::vector<ParameterPlace> DrawPlaces(const Network& network, int64_t step, int64_t samples) {
  struct Tensor {
    int64_t layer;
    bool bias;
    int64_t size;
  };
  std::vector<Tensor> tensors;
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    tensors.push_back({l, false, network.layer_units(l) * network.layer_inputs(l)});
    tensors.push_back({l, true, network.layer_units(l)});
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const Tensor& a, const Tensor& b) { return a.size < b.size; });
  std::vector<ParameterPlace> places;
  int64_t left = std::min(samples, network.parameter_count());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto [layer, bias, size] = tensors[i];
    const int64_t fair = left / static_cast<int64_t>(tensors.size() - i);
    const int64_t count = std::min(size, i + 1 == tensors.size() ? left : fair);
    left -= count;
    const RandomStream stream(network.spec().seed, RandomPurpose::kGradientCheck,
                              step + static_cast<int64_t>(i));
    for (const int64_t index : Draw(stream, size, count)) {
      places.push_back(PlaceOf(layer, bias, index, network.layer_inputs(layer)));
    }
  }
  return places;
}

// Larger for a large parameter; where an L1 penalty has its kink at 0, not across it.
double StepOf(const NetworkSpec& spec, const ParameterPlace& place, double parameter) {
  const double step = kStep * std::max(1.0, std::abs(parameter));
  const bool kink = !place.bias && spec.layers[static_cast<size_t>(place.layer)].l1 > 0.0F;
  return kink && parameter != 0 ? std::min(step, 0.5 * std::abs(parameter)) : step;
}

CheckedParameter Compare(const NetworkSpec& spec, const ReferenceNetwork& reference,
                         const BackPropagation& back, const ParameterPlace& place) {
  const double h = StepOf(spec, place, reference.Parameter(place));
  CheckedParameter checked = {.layer = place.layer,
                              .bias = place.bias,
                              .row = place.unit,
                              .column = place.input,
                              .gradient = back.Gradient(place)};
  checked.central_difference = (reference.Loss(place, h) - reference.Loss(place, -h)) / (2 * h);
  const double difference = std::abs(checked.gradient - checked.central_difference);
  // A tensor that back-propagation takes for all zeros is no measure.
  const double scale = std::max(back.Scale(place), std::abs(checked.central_difference));
  checked.relative_error = scale > 0 ? difference / scale : difference;
  return checked;
}

// The rows as the network reads them.
struct StandardizedRows {
  StandardizedRows(const NetworkSpec& spec, const Examples& examples,
                   const Normalization& normalization, const Executor& executor)
      : inputs(examples.rows(), spec.input_width),
        targets(examples.rows(), spec.output_width()),
        weights(static_cast<size_t>(examples.rows())) {
    std::vector<int64_t> rows(weights.size());
    std::iota(rows.begin(), rows.end(), int64_t{0});
    BatchReader(normalization)
        .Read(executor, examples, rows, inputs.view(), targets.view(), weights);
  }

  Matrix inputs;
  Matrix targets;
  std::vector<float> weights;
};

}  // namespace

absl::StatusOr<GradientCheck> CheckGradients(const Network& network, const ModelState& state,
                                             const Examples& examples, int64_t samples,
                                             const Executor& executor,
                                             const Cancellation& cancellation) {
  BackPropagation back(network, examples.rows());
  const auto summary =
      ComputeGradients(network, state, examples, back.outputs, executor, cancellation);
  if (!summary.ok()) return summary.status();
  const StandardizedRows rows(network.spec(), examples, *state.normalization, executor);
  std::vector<ConstMatrixView> engine_z;
  for (const GradientOutputs::Layer& layer : back.outputs.layers) engine_z.push_back(layer.z);
  const ReferenceNetwork reference(network, state.parameters->span(), rows.inputs.view(),
                                   rows.targets.view(), rows.weights, engine_z);
  const std::vector<ParameterPlace> places = DrawPlaces(network, state.step, samples);
  std::vector<CheckedParameter> checked(places.size());
  executor.ParallelFor(static_cast<int64_t>(places.size()), [&](int64_t i) {
    if (!cancellation.Check().ok()) return;
    const auto index = static_cast<size_t>(i);
    checked[index] = Compare(network.spec(), reference, back, places[index]);
  });
  if (absl::Status status = cancellation.Check(); !status.ok()) return status;
  GradientCheck check;
  check.checked = static_cast<int64_t>(checked.size());
  for (const CheckedParameter& parameter : checked) {
    // So written that a difference which is not a number is the worst.
    if (!(parameter.relative_error <= check.worst.relative_error)) check.worst = parameter;
    if (std::isnan(check.worst.relative_error)) break;
  }
  check.max_relative_error = check.worst.relative_error;
  return check;
}

}  // namespace chainrule::engine
