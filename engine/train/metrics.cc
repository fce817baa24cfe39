#include "engine/train/metrics.h"
namespace chainrule::engine {
MetricsAccumulator::MetricsAccumulator(const NetworkSpec& spec, double threshold)
    : loss_(spec.loss.kind),
      multi_label_(spec.multi_label),
      outputs_(spec.output_width()),
      threshold_(threshold) {}
void MetricsAccumulator::Add(ConstMatrixView, ConstMatrixView, std::span<const float>) {}
Metrics MetricsAccumulator::Compute() const { return {}; }
}  // namespace chainrule::engine
