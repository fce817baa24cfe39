// The naive twin of update.h: one loop in double, rounded where it is stored.
// Thread-safe: a function of its arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_UPDATE_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_UPDATE_SCALAR_H_

#include <span>

#include "engine/kernels/update.h"

namespace chainrule::engine::scalar {

bool UpdateParameters(const UpdateRule& rule, bool decay, std::span<const float> parameters,
                      std::span<const float> gradient, UpdateState state,
                      std::span<float> new_parameters);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_UPDATE_SCALAR_H_
