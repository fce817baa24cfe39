#include "engine/nn/initializer.h"

#include <cmath>

namespace chainrule::engine {
namespace {

// `draw` maps an element's index to its value.
template <typename Draw>
void Fill(MatrixView weights, Draw draw) {
  uint64_t index = 0;
  for (int64_t i = 0; i < weights.rows; ++i) {
    for (float& w : weights.row(i)) w = draw(index++);
  }
}

void FillUniform(const RandomStream& stream, double radius, MatrixView weights) {
  Fill(weights, [&](uint64_t index) {
    return static_cast<float>(radius * (2.0 * static_cast<double>(stream.Uniform(index)) - 1.0));
  });
}

void FillNormal(const RandomStream& stream, double variance, MatrixView weights) {
  const double deviation = std::sqrt(variance);
  Fill(weights,
       [&](uint64_t index) { return static_cast<float>(deviation * stream.Normal(index)); });
}

}  // namespace

void InitializeWeights(Initializer initializer, const RandomStream& stream, MatrixView weights) {
  const auto inputs = static_cast<double>(weights.columns);
  const auto units = static_cast<double>(weights.rows);
  switch (initializer) {
    case Initializer::kXavierUniform:
      return FillUniform(stream, std::sqrt(6.0 / (inputs + units)), weights);
    case Initializer::kXavierNormal:
      return FillNormal(stream, 2.0 / (inputs + units), weights);
    case Initializer::kHeUniform:
      return FillUniform(stream, std::sqrt(6.0 / inputs), weights);
    case Initializer::kHeNormal:
      return FillNormal(stream, 2.0 / inputs, weights);
    case Initializer::kZeros:
      return Fill(weights, [](uint64_t) { return 0.0F; });
  }
}

}  // namespace chainrule::engine
