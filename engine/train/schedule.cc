#include "engine/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace chainrule::engine {
namespace {

// Without the warm-up; `base` is η₀, `step` is s.
double AfterWarmUp(const ScheduleSpec& schedule, double base, int64_t step) {
  const auto s = static_cast<double>(step);
  const auto period = static_cast<double>(schedule.period);
  switch (schedule.kind) {
    case ScheduleKind::kConstant:
      return base;
    case ScheduleKind::kStep:
      return base * std::pow(schedule.gamma, std::floor(s / period));
    case ScheduleKind::kExponential:
      return base * std::pow(schedule.gamma, s / period);
    case ScheduleKind::kCosine: {
      const double least = base * schedule.floor;
      const double angle = std::numbers::pi * std::min(s, period) / period;
      return least + 0.5 * (base - least) * (1.0 + std::cos(angle));
    }
    case ScheduleKind::kInverseTime:
      return base / (1.0 + schedule.gamma * s / period);
  }
  return base;
}

}  // namespace

double ScheduledLearningRate(const OptimizerSpec& optimizer, int64_t step) {
  const ScheduleSpec& schedule = optimizer.schedule;
  const int64_t warmup = schedule.warmup_steps;
  if (step >= warmup) return AfterWarmUp(schedule, optimizer.learning_rate, step - warmup);
  return AfterWarmUp(schedule, optimizer.learning_rate, 0) * static_cast<double>(step + 1) /
         static_cast<double>(warmup);
}

}  // namespace chainrule::engine
