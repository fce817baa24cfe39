// Loads and stores of fewer elements than a vector has, touching no memory beyond
// them: the tail of a row goes through the same vector code as its body, so an
// element's result does not depend on where it stands.
// Per-target header: include after hwy/foreach_target.h.

// clang-format off
#if defined(CHAINRULE_ENGINE_KERNELS_PARTIAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CHAINRULE_ENGINE_KERNELS_PARTIAL_INL_H_
#undef CHAINRULE_ENGINE_KERNELS_PARTIAL_INL_H_
#else
#define CHAINRULE_ENGINE_KERNELS_PARTIAL_INL_H_
#endif
// clang-format on

#include <cstddef>
#include <cstring>

#include "hwy/highway.h"

// Whether masked loads and stores of 32- and 64-bit lanes leave alone the memory of
// lanes that are masked off. (Highway says "might fault" of AVX2 because of its
// narrower lanes.)
#undef CHAINRULE_MASKED_MEMORY
#if !HWY_MEM_OPS_MIGHT_FAULT || HWY_TARGET == HWY_AVX2
#define CHAINRULE_MASKED_MEMORY 1
#else
#define CHAINRULE_MASKED_MEMORY 0
#endif

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The first `count` lanes from `from`, the others zero. Requires count < Lanes(d).
template <class D>
HWY_INLINE hn::Vec<D> LoadPartial(D d, const hn::TFromD<D>* from, size_t count) {
#if CHAINRULE_MASKED_MEMORY
  return hn::MaskedLoad(hn::FirstN(d, count), d, from);
#else
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(d)] = {};
  std::memcpy(lanes, from, count * sizeof(lanes[0]));
  return hn::Load(d, lanes);
#endif
}

// Stores the first `count` lanes of v. Requires count < Lanes(d).
template <class D>
HWY_INLINE void StorePartial(D d, hn::Vec<D> v, hn::TFromD<D>* to, size_t count) {
#if CHAINRULE_MASKED_MEMORY
  hn::BlendedStore(v, hn::FirstN(d, count), d, to);
#else
  HWY_ALIGN hn::TFromD<D> lanes[hn::MaxLanes(d)];
  hn::Store(v, d, lanes);
  std::memcpy(to, lanes, count * sizeof(lanes[0]));
#endif
}

// A vector of floats as doubles: its lower and its upper half.  (The fallback target
// SCALAR has one lane of either; there the upper half is a zero that is not there.)
#if HWY_TARGET == HWY_SCALAR
template <class D>
using DoublesOf = hn::Rebind<double, D>;
#else
template <class D>
using DoublesOf = hn::Repartition<double, D>;
#endif

template <class D>
HWY_INLINE hn::Vec<DoublesOf<D>> PromoteLower(D /*d*/, hn::Vec<D> v) {
#if HWY_TARGET == HWY_SCALAR
  return hn::PromoteTo(DoublesOf<D>(), v);
#else
  return hn::PromoteTo(DoublesOf<D>(), hn::LowerHalf(hn::Half<D>(), v));
#endif
}

template <class D>
HWY_INLINE hn::Vec<DoublesOf<D>> PromoteUpper(D /*d*/, hn::Vec<D> v) {
#if HWY_TARGET == HWY_SCALAR
  static_cast<void>(v);
  return hn::Zero(DoublesOf<D>());
#else
  return hn::PromoteTo(DoublesOf<D>(), hn::UpperHalf(hn::Half<D>(), v));
#endif
}

// Stores lower and upper half, one after the other: Lanes(D()) doubles.
template <class D>
HWY_INLINE void StoreHalves(D /*d*/, hn::Vec<DoublesOf<D>> lower, hn::Vec<DoublesOf<D>> upper,
                            double* to) {
  const DoublesOf<D> dd;
  hn::StoreU(lower, dd, to);
#if HWY_TARGET == HWY_SCALAR
  static_cast<void>(upper);
#else
  hn::StoreU(upper, dd, to + hn::Lanes(dd));
#endif
}

// The sum of all lanes, in an order that the target fixes.
template <class D>
HWY_INLINE hn::TFromD<D> SumLanes(D d, hn::Vec<D> v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CHAINRULE_ENGINE_KERNELS_PARTIAL_INL_H_
