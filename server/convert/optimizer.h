// v1::Optimizer and the engine's OptimizerSpec, which is resolved.
#ifndef CHAINRULE_SERVER_CONVERT_OPTIMIZER_H_
#define CHAINRULE_SERVER_CONVERT_OPTIMIZER_H_

#include "absl/strings/string_view.h"
#include "chainrule/v1/model.pb.h"
#include "engine/nn/spec.h"
#include "server/convert/violations.h"

namespace chainrule::server {

// Adds what is wrong, with paths below `field`; the value is then worthless.
engine::OptimizerSpec ReadOptimizer(const v1::Optimizer& optimizer, absl::string_view field,
                                    Violations* violations);
// The inverse; what the kind does not use is left out.
void WriteOptimizer(const engine::OptimizerSpec& spec, v1::Optimizer* optimizer);

// Of the schedule alone.
engine::ScheduleSpec ReadSchedule(const v1::Schedule& schedule, absl::string_view field,
                                  Violations* violations);
void WriteSchedule(const engine::ScheduleSpec& spec, v1::Schedule* schedule);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_CONVERT_OPTIMIZER_H_
