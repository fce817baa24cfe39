// Which of OpenBLAS's sets of kernels ("cores") runs.  OpenBLAS chooses by the
// processor's model number; one that is newer than the library gets the oldest set,
// which is several times slower than what it could run.
#ifndef CHAINRULE_ENGINE_BLAS_BLAS_CORE_H_
#define CHAINRULE_ENGINE_BLAS_BLAS_CORE_H_

#include <string>

namespace chainrule::engine {

// The core in use, such as "Haswell".
std::string BlasCoreName();

// What decides between the cores of x86-64.
struct ProcessorFeatures {
  bool avx2 = false;    // and fused multiply-add
  bool avx512 = false;  // F, BW, CD, DQ, VL
  bool avx512_bf16 = false;
};
ProcessorFeatures FeaturesOfThisProcessor();

// The core to use instead of `chosen`, or null where that may stay: where it is not one
// that OpenBLAS falls back on, or the processor can do no more.
const char* BetterBlasCore(const std::string& chosen, const ProcessorFeatures& features);

// Changes to the better core, if there is one; not where OPENBLAS_CORETYPE names one, and
// not with an OpenBLAS that cannot choose again. To be called before any product and
// before there are other threads (it changes the environment for a moment).
void UseBestBlasCore();

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_BLAS_BLAS_CORE_H_
