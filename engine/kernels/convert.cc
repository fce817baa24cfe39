#include "engine/kernels/convert.h"

#include <cstddef>
#include <cstring>

#include "engine/kernels/convert_scalar.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/convert.cc"
#include "hwy/foreach_target.h"
// The per-target headers come after the one that re-includes this file.
#include "engine/kernels/partial-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace chainrule::engine::HWY_NAMESPACE {
namespace {

using Float = hn::ScalableTag<float>;
using Int = hn::RebindToSigned<Float>;

// As many elements from `from` as a vector of floats has.
template <typename T>
HWY_INLINE hn::Vec<Float> ToFloats(const T* from) {  // of 8 or 16 bits
  const hn::Rebind<T, Float> narrow;
  return hn::ConvertTo(Float(), hn::PromoteTo(Int(), hn::LoadU(narrow, from)));
}

HWY_INLINE hn::Vec<Float> ToFloats(const int32_t* from) {
  return hn::ConvertTo(Float(), hn::LoadU(Int(), from));
}

// Both halves are exact, and so is 2¹⁶·upper: only the sum is rounded.
HWY_INLINE hn::Vec<Float> ToFloats(const uint32_t* from) {
  const Float d;
  const hn::RebindToUnsigned<Float> words;
  const auto bits = hn::LoadU(words, from);
  const auto upper = hn::BitCast(Int(), hn::ShiftRight<16>(bits));
  const auto lower = hn::BitCast(Int(), hn::And(bits, hn::Set(words, 0xFFFF)));
  return hn::Add(hn::Mul(hn::ConvertTo(d, upper), hn::Set(d, 65'536.0F)), hn::ConvertTo(d, lower));
}

HWY_INLINE hn::Vec<Float> ToFloats(const double* from) {
  const DoublesOf<Float> doubles;
#if HWY_TARGET == HWY_SCALAR
  // DemoteTo would make the largest float of what is beyond it.
  return hn::Set(Float(), static_cast<float>(hn::GetLane(hn::LoadU(doubles, from))));
#else
  const hn::Half<Float> half;
  const auto lower = hn::DemoteTo(half, hn::LoadU(doubles, from));
  const auto upper = hn::DemoteTo(half, hn::LoadU(doubles, from + hn::Lanes(doubles)));
  return hn::Combine(Float(), upper, lower);
#endif
}

template <typename T>
void ConvertTarget(const void* source, float* to, size_t count) {
  const Float d;
  const size_t lanes = hn::Lanes(d);
  const auto* from = static_cast<const T*>(source);
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(ToFloats(from + i), d, to + i);
  if (i < count) {
    HWY_ALIGN T rest[hn::MaxLanes(d)] = {};
    std::memcpy(rest, from + i, (count - i) * sizeof(T));
    StorePartial(d, ToFloats(rest), to + i, count - i);
  }
}

// Integers of 64 bits go one at a time: by way of doubles, as vectors have it, they
// would be rounded twice.
void ConvertElementsTarget(ElementType type, const void* source, std::span<float> destination) {
  float* const to = destination.data();
  const size_t count = destination.size();
  switch (type) {
    case ElementType::kFloat32:
      if (count > 0) std::memcpy(to, source, destination.size_bytes());
      return;
    case ElementType::kFloat64:
      return ConvertTarget<double>(source, to, count);
    case ElementType::kUint8:
      return ConvertTarget<uint8_t>(source, to, count);
    case ElementType::kUint16:
      return ConvertTarget<uint16_t>(source, to, count);
    case ElementType::kUint32:
      return ConvertTarget<uint32_t>(source, to, count);
    case ElementType::kInt8:
      return ConvertTarget<int8_t>(source, to, count);
    case ElementType::kInt16:
      return ConvertTarget<int16_t>(source, to, count);
    case ElementType::kInt32:
      return ConvertTarget<int32_t>(source, to, count);
    case ElementType::kUint64:
    case ElementType::kInt64:
      return scalar::ConvertElements(type, source, destination);
  }
}

}  // namespace
}  // namespace chainrule::engine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace chainrule::engine {

HWY_EXPORT(ConvertElementsTarget);

int64_t ElementBytes(ElementType type) {
  return VisitType(type, [](auto element) -> int64_t { return sizeof(element); });
}

void ConvertElements(ElementType type, const void* source, std::span<float> destination) {
  HWY_DYNAMIC_DISPATCH(ConvertElementsTarget)(type, source, destination);
}

}  // namespace chainrule::engine
#endif  // HWY_ONCE
