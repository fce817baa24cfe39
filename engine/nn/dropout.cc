#include "engine/nn/dropout.h"

#include <array>

namespace chainrule::engine {
namespace {

constexpr uint64_t kNumbersOfABlock = 4;  // RandomStream's blocks
constexpr int kLayerShift = 48;
constexpr double kTwoTo24 = 16'777'216.0;

// The 24 bits that RandomStream::Uniform makes its number of.
uint32_t UniformBits(uint32_t bits) { return bits >> 8U; }

uint64_t ElementIndex(const DropoutLayer& layer, int64_t row, int64_t unit) {
  const auto units = static_cast<uint64_t>(layer.units);
  const uint64_t width = (units + kNumbersOfABlock - 1) / kNumbersOfABlock * kNumbersOfABlock;
  return (static_cast<uint64_t>(layer.layer) << kLayerShift) + static_cast<uint64_t>(row) * width +
         static_cast<uint64_t>(unit);
}

void MaskRow(const DropoutLayer& layer, uint64_t index, std::span<float> mask) {
  // u < p as whole numbers: bits/2²⁴ < p.
  const double threshold = static_cast<double>(layer.probability) * kTwoTo24;
  const float kept = 1.0F / (1.0F - layer.probability);
  std::array<uint32_t, kNumbersOfABlock> bits = layer.stream->Bits(index / kNumbersOfABlock);
  for (size_t j = 0; j < mask.size(); ++j, ++index) {
    const uint64_t place = index % kNumbersOfABlock;
    if (place == 0 && j > 0) bits = layer.stream->Bits(index / kNumbersOfABlock);
    mask[j] = static_cast<double>(UniformBits(bits[place])) < threshold ? 0.0F : kept;
  }
}

}  // namespace

void DropoutMask(const DropoutLayer& layer, int64_t row, int64_t unit, MatrixView mask) {
  for (int64_t i = 0; i < mask.rows; ++i) {
    MaskRow(layer, ElementIndex(layer, row + i, unit), mask.row(i));
  }
}

void Multiply(ConstMatrixView a, ConstMatrixView b, MatrixView product) {
  for (int64_t i = 0; i < product.rows; ++i) {
    const float* left = a.row(i).data();
    const float* right = b.row(i).data();
    float* result = product.row(i).data();
    for (int64_t j = 0; j < product.columns; ++j) result[j] = left[j] * right[j];
  }
}

}  // namespace chainrule::engine
