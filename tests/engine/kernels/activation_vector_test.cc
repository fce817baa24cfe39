// ActivateVector and SoftmaxRow of activation-inl.h as another kernel would use them.
#include <array>
#include <cstddef>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/engine/kernels/activation_vector_test.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/activation-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

// Requires count to be a multiple of the lanes.
void ActivateInPlace(Activation kind, float slope, float* z, size_t count) {
  const hn::ScalableTag<float> d;
  if (kind == Activation::kSoftmax) return SoftmaxRow(d, z, z, count);
  for (size_t i = 0; i < count; i += hn::Lanes(d)) {
    hn::StoreU(ActivateVector(kind, slope, d, hn::LoadU(d, z + i)), d, z + i);
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "tests/engine/kernels/kernel_test.h"

namespace chainrule::engine {
namespace {

HWY_EXPORT(ActivateInPlace);

class ActivationVectorTest : public KernelTest {};

TEST_P(ActivationVectorTest, GivesTheBitsOfAddBiasActivate) {
  constexpr size_t kCount = 256;
  for (int kind = 0; kind <= static_cast<int>(Activation::kSoftmax); ++kind) {
    const ActivationFunction function{static_cast<Activation>(kind), 0.25F};
    std::vector<float> vectors = RandomValues(kCount, -20, 20);
    std::vector<float> matrix = vectors;
    HWY_DYNAMIC_DISPATCH(ActivateInPlace)
    (function.kind, function.slope, vectors.data(), kCount);
    const MatrixView view(matrix.data(), 1, kCount);
    AddBiasActivate(function, {}, view, view);
    EXPECT_TRUE(SameBits(vectors, matrix)) << "activation " << kind;
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ActivationVectorTest, testing::ValuesIn(Targets()), NameOfTarget);

}  // namespace
}  // namespace chainrule::engine
#endif  // HWY_ONCE
