// The scan for elements of inputs that are not finite: part of the one pass that reads
// them on a compute thread.
#ifndef CHAINRULE_SERVER_COMPUTE_FINITE_H_
#define CHAINRULE_SERVER_COMPUTE_FINITE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "engine/core/matrix.h"

namespace chainrule::server {

// INVALID_ARGUMENT, INVALID_FIELD `inputs`: an element of `rows` is NaN or infinite; its
// row, counted from `first_row`, and column are named.
absl::Status CheckFinite(engine::ConstMatrixView rows, int64_t first_row);

}  // namespace chainrule::server

#endif  // CHAINRULE_SERVER_COMPUTE_FINITE_H_
