#include "engine/train/norm_sum.h"

#include <algorithm>
#include <cmath>

#include "engine/kernels/reduce.h"

namespace chainrule::engine {
namespace {

// A part has this many units, or is the layer's last one.
constexpr int64_t kLeastUnits = 16;

}  // namespace

NormSum::NormSum(const Network& network) {
  int64_t parts = 0;
  for (const LayerSpec& layer : network.spec().layers) {
    parts += 2 * (layer.units / kLeastUnits + 1);  // of weights and of biases
  }
  const MutexLock lock(&mutex_);
  parts_.reserve(static_cast<size_t>(parts));
}

void NormSum::Begin() {
  const MutexLock lock(&mutex_);
  parts_.clear();
}

void NormSum::Add(int64_t first, std::span<const float> part) {
  const double squares = SquaredNorm(part);
  const MutexLock lock(&mutex_);
  parts_.push_back({first, squares});
}

double NormSum::Norm() {
  const MutexLock lock(&mutex_);
  std::ranges::sort(parts_, {}, &Part::first);
  double sum = 0;
  for (const Part& part : parts_) sum += part.squares;
  return std::sqrt(sum);
}

}  // namespace chainrule::engine
