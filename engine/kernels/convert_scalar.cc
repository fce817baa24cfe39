#include "engine/kernels/convert_scalar.h"

#include <cstring>

namespace chainrule::engine::scalar {

void ConvertElements(ElementType type, const void* source, std::span<float> destination) {
  VisitType(type, [&](auto element) {
    const auto* bytes = static_cast<const unsigned char*>(source);
    for (float& value : destination) {
      std::memcpy(&element, bytes, sizeof(element));
      bytes += sizeof(element);
      value = static_cast<float>(element);
    }
  });
}

}  // namespace chainrule::engine::scalar
