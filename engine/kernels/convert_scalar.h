// The naive twin of convert.h. Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_CONVERT_SCALAR_H_
#define CHAINRULE_ENGINE_KERNELS_CONVERT_SCALAR_H_

#include <span>

#include "engine/kernels/convert.h"

namespace chainrule::engine::scalar {

void ConvertElements(ElementType type, const void* source, std::span<float> destination);

}  // namespace chainrule::engine::scalar

#endif  // CHAINRULE_ENGINE_KERNELS_CONVERT_SCALAR_H_
