// OpenBLAS's settings, which are global to the process: one owner, set once.
#ifndef CHAINRULE_ENGINE_BLAS_BLAS_RUNTIME_H_
#define CHAINRULE_ENGINE_BLAS_BLAS_RUNTIME_H_

#include "absl/status/status.h"

namespace chainrule::engine {

// Sees to kernels that fit the processor (blas_core.h), tells OpenBLAS to use one
// thread a call, and tests it: products of several shapes from `threads` threads at
// once, against the naive twin (older builds gave wrong results under concurrent
// calls). Under 20 ms. Call once, at start-up, before any other product and before
// there are other threads. INTERNAL if a product is wrong.
absl::Status StartBlas(int threads);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_BLAS_RUNTIME_H_
