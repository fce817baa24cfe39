// OpenBLAS's settings, which are global to the process: one owner, set once.
#ifndef CHAINRULE_ENGINE_BLAS_BLAS_RUNTIME_H_
#define CHAINRULE_ENGINE_BLAS_BLAS_RUNTIME_H_

#include <string>

#include "absl/status/status.h"

namespace chainrule::engine {

// Tells OpenBLAS to use one thread a call, and tests it: products of several
// shapes from `threads` threads at once, against the naive twin (older builds
// gave wrong results under concurrent calls). Under 20 ms. Call once, at
// start-up, before any other product. INTERNAL if a product is wrong.
absl::Status StartBlas(int threads);

// The processor kind whose kernels OpenBLAS chose, such as "Haswell".
std::string BlasCoreName();

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_BLAS_RUNTIME_H_
