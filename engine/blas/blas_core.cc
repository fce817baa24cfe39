#include "engine/blas/blas_core.h"

#include <cblas.h>

#include <cstdlib>

// Not in OpenBLAS's header, but exported by every build that chooses its core at run
// time: what its constructor and destructor call. Null in other builds.
extern "C" {
// NOLINTBEGIN(readability-identifier-naming): the names are OpenBLAS's.
void gotoblas_dynamic_init() __attribute__((weak));
void gotoblas_dynamic_quit() __attribute__((weak));
// NOLINTEND(readability-identifier-naming)
}

namespace chainrule::engine {
namespace {

constexpr char kVariable[] = "OPENBLAS_CORETYPE";

// Of processors without AVX: for one that has it, this is "not known".
bool IsFallback(const std::string& core) { return core == "Prescott" || core == "Barcelona"; }

}  // namespace

std::string BlasCoreName() { return openblas_get_corename(); }

ProcessorFeatures FeaturesOfThisProcessor() {
  ProcessorFeatures features;
#if defined(__x86_64__)
  const auto all = [](auto... has) { return (... && (has != 0)); };
  features.avx2 = all(__builtin_cpu_supports("avx2"), __builtin_cpu_supports("fma"));
  features.avx512 = all(__builtin_cpu_supports("avx512f"), __builtin_cpu_supports("avx512bw"),
                        __builtin_cpu_supports("avx512cd"), __builtin_cpu_supports("avx512dq"),
                        __builtin_cpu_supports("avx512vl"));
  features.avx512_bf16 = features.avx512 && all(__builtin_cpu_supports("avx512bf16"));
#endif
  return features;
}

const char* BetterBlasCore(const std::string& chosen, const ProcessorFeatures& features) {
  if (!IsFallback(chosen)) return nullptr;
  if (features.avx512_bf16) return "Cooperlake";
  if (features.avx512) return "SkylakeX";
  return features.avx2 ? "Haswell" : nullptr;
}

namespace {

bool ChooseAgain() {
  const char* const better = BetterBlasCore(BlasCoreName(), FeaturesOfThisProcessor());
  if (better == nullptr || std::getenv(kVariable) != nullptr) return false;
  if (gotoblas_dynamic_init == nullptr || gotoblas_dynamic_quit == nullptr) return false;
  if (setenv(kVariable, better, /*overwrite=*/0) != 0) return false;
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(kVariable);
  return true;
}

}  // namespace

void UseBestBlasCore() { [[maybe_unused]] static const bool changed = ChooseAgain(); }

}  // namespace chainrule::engine
