#include "engine/nn/reference.h"

#include <algorithm>
#include <cmath>

#include "engine/nn/reference_functions.h"

namespace chainrule::engine {
namespace {

// So near to 0 float32 may see the other sign.
constexpr double kSignTolerance = 1e-5;

std::vector<double> ToDouble(ConstMatrixView view) {
  std::vector<double> values;
  for (int64_t i = 0; i < view.rows; ++i) {
    const std::span<const float> row = view.row(i);
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

template <typename T>
std::span<T> RowOf(std::span<T> matrix, int64_t row, int64_t columns) {
  return matrix.subspan(static_cast<size_t>(row * columns), static_cast<size_t>(columns));
}

}  // namespace

ReferenceNetwork::ReferenceNetwork(const Network& network, std::span<const float> parameters,
                                   ConstMatrixView inputs, ConstMatrixView targets,
                                   std::span<const float> weights,
                                   std::span<const ConstMatrixView> engine_z)
    : network_(network),
      rows_(inputs.rows),
      inputs_(ToDouble(inputs)),
      targets_(ToDouble(targets)),
      weights_(weights.begin(), weights.end()) {
  layers_.reserve(static_cast<size_t>(network.layer_count()));
  for (int64_t l = 0; l < network.layer_count(); ++l) {
    AddLayer(l, parameters,
             engine_z.empty() ? ConstMatrixView() : engine_z[static_cast<size_t>(l)]);
  }
}

const LayerSpec& ReferenceNetwork::spec(int64_t index) const {
  return network_.spec().layers[static_cast<size_t>(index)];
}

const std::vector<double>& ReferenceNetwork::z(int64_t layer_index) const {
  return layer(layer_index).z;
}

const std::vector<double>& ReferenceNetwork::a(int64_t layer_index) const {
  return layer(layer_index).a;
}

std::span<const double> ReferenceNetwork::InputRow(int64_t layer_index, int64_t row) const {
  const std::vector<double>& from = layer_index == 0 ? inputs_ : layer(layer_index - 1).a;
  return RowOf(std::span<const double>(from), row, network_.layer_inputs(layer_index));
}

void ReferenceNetwork::AddLayer(int64_t index, std::span<const float> parameters,
                                ConstMatrixView engine_z) {
  const std::span<const float> bias = network_.bias(parameters, index);
  const int64_t units = network_.layer_units(index);
  const auto size = static_cast<size_t>(rows_ * units);
  layers_.push_back({.weights = ToDouble(network_.weights(parameters, index)),
                     .bias = {bias.begin(), bias.end()},
                     .z = std::vector<double>(size),
                     .a = std::vector<double>(size),
                     .above = std::vector<char>(size)});
  Layer& added = layers_.back();
  for (int64_t i = 0; i < rows_; ++i) {
    const std::vector<double> z = ForwardRow(index, InputRow(index, i));
    std::copy(z.begin(), z.end(), added.z.begin() + i * units);
    for (int64_t j = 0; j < units; ++j) {
      const double value = z[static_cast<size_t>(j)];
      const bool unclear = engine_z.data != nullptr && std::abs(value) < kSignTolerance;
      added.above[static_cast<size_t>(i * units + j)] = unclear ? engine_z(i, j) > 0 : value > 0;
    }
    Activate(index, i, z, RowOf(std::span<double>(added.a), i, units));
  }
}

std::vector<double> ReferenceNetwork::ForwardRow(int64_t layer_index,
                                                 std::span<const double> input) const {
  const Layer& at = layer(layer_index);
  std::vector<double> z = at.bias;
  for (size_t j = 0; j < z.size(); ++j) {
    const double* const weights = &at.weights[j * input.size()];
    for (size_t k = 0; k < input.size(); ++k) z[j] += weights[k] * input[k];
  }
  return z;
}

void ReferenceNetwork::Activate(int64_t layer_index, int64_t row, std::span<const double> z,
                                std::span<double> a) const {
  const ActivationFunction function = spec(layer_index).activation;
  if (function.kind == Activation::kSoftmax) return ReferenceSoftmax(z, a);
  const std::span<const char> above = RowOf(std::span<const char>(layer(layer_index).above), row,
                                            network_.layer_units(layer_index));
  for (size_t j = 0; j < z.size(); ++j) a[j] = ReferenceActivation(function, z[j], above[j] != 0);
}

double ReferenceNetwork::Parameter(const ParameterPlace& place) const {
  const Layer& at = layer(place.layer);
  if (place.bias) return at.bias[static_cast<size_t>(place.unit)];
  const int64_t inputs = network_.layer_inputs(place.layer);
  return at.weights[static_cast<size_t>(place.unit * inputs + place.input)];
}

// A change of W[unit, input] by δ changes z of that unit by δ·x[input], one of b[unit]
// by δ, and nothing before them; what comes after is computed again.
double ReferenceNetwork::RowLoss(int64_t row, const ParameterPlace& place, double change) const {
  const int64_t units = network_.layer_units(place.layer);
  const std::span<const double> before =
      RowOf(std::span<const double>(layer(place.layer).z), row, units);
  std::vector<double> z(before.begin(), before.end());
  const double input =
      place.bias ? 1.0 : InputRow(place.layer, row)[static_cast<size_t>(place.input)];
  z[static_cast<size_t>(place.unit)] += change * input;
  for (int64_t l = place.layer; l + 1 < network_.layer_count(); ++l) {
    std::vector<double> a(z.size());
    Activate(l, row, z, a);
    z = ForwardRow(l + 1, a);
  }
  return OutputLoss(row, z);
}

double ReferenceNetwork::OutputLoss(int64_t row, std::span<const double> z) const {
  std::vector<double> a(z.size());
  Activate(network_.layer_count() - 1, row, z, a);
  return ReferenceLoss(
      network_.spec().loss, z, a,
      RowOf(std::span<const double>(targets_), row, network_.spec().output_width()));
}

double ReferenceNetwork::Penalty(const ParameterPlace& place, double change) const {
  double penalty = 0;
  for (int64_t l = 0; l < network_.layer_count(); ++l) {
    const auto l1 = static_cast<double>(spec(l).l1);
    const auto l2 = static_cast<double>(spec(l).l2);
    const auto add = [&](double w) { penalty += l1 * std::abs(w) + 0.5 * l2 * w * w; };
    if (l1 == 0 && l2 == 0) continue;
    for (const double w : layer(l).weights) add(w);
    if (l != place.layer || place.bias || change == 0) continue;
    const double w = Parameter(place);
    penalty += l1 * (std::abs(w + change) - std::abs(w));
    penalty += 0.5 * l2 * ((w + change) * (w + change) - w * w);
  }
  return penalty;
}

double ReferenceNetwork::Loss(const ParameterPlace& place, double change) const {
  double loss_sum = 0;
  double weight_sum = 0;
  for (int64_t i = 0; i < rows_; ++i) {
    const double weight = weights_[static_cast<size_t>(i)];
    loss_sum += weight * RowLoss(i, place, change);
    weight_sum += weight;
  }
  return (weight_sum > 0 ? loss_sum / weight_sum : 0.0) + Penalty(place, change);
}

double ReferenceNetwork::Loss() const { return Loss(ParameterPlace{}, 0.0); }

}  // namespace chainrule::engine
