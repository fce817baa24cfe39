// The learning rate of a step, by the formulas beside ScheduleSpec (nn/spec.h).
// Thread-safe: a function of its arguments.
#ifndef CHAINRULE_ENGINE_TRAIN_SCHEDULE_H_
#define CHAINRULE_ENGINE_TRAIN_SCHEDULE_H_

#include <cstdint>

#include "engine/nn/spec.h"

namespace chainrule::engine {

// Of the step that takes the model from `step` to step + 1.
double ScheduledLearningRate(const OptimizerSpec& optimizer, int64_t step);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_SCHEDULE_H_
