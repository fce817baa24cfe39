// Elements of any type, as they arrive, and float32. The conversions are one SIMD pass,
// with scalar twins in convert_scalar.h.
// Thread-safe: functions of their arguments.
#ifndef CHAINRULE_ENGINE_KERNELS_CONVERT_H_
#define CHAINRULE_ENGINE_KERNELS_CONVERT_H_

#include <cstdint>
#include <span>

#include "engine/core/check.h"

namespace chainrule::engine {

enum class ElementType : uint8_t {
  kFloat32,
  kFloat64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
};

// visitor(T()) with the C++ type of an element.
// NOLINTBEGIN(bugprone-branch-clone): each branch is of another type.
template <typename Visitor>
auto VisitType(ElementType type, Visitor visitor) {
  switch (type) {
    case ElementType::kFloat32:
      return visitor(float());
    case ElementType::kFloat64:
      return visitor(double());
    case ElementType::kUint8:
      return visitor(uint8_t());
    case ElementType::kUint16:
      return visitor(uint16_t());
    case ElementType::kUint32:
      return visitor(uint32_t());
    case ElementType::kUint64:
      return visitor(uint64_t());
    case ElementType::kInt8:
      return visitor(int8_t());
    case ElementType::kInt16:
      return visitor(int16_t());
    case ElementType::kInt32:
      return visitor(int32_t());
    case ElementType::kInt64:
      return visitor(int64_t());
  }
  CHAINRULE_CHECK(false);
}
// NOLINTEND(bugprone-branch-clone)

// Of one element.
int64_t ElementBytes(ElementType type);

// destination ← as many elements from `source`, at any alignment, each rounded once to
// the nearest float32, ties to even. A float64 beyond float32's range becomes infinite.
void ConvertElements(ElementType type, const void* source, std::span<float> destination);

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_KERNELS_CONVERT_H_
