#include "engine/core/aligned_buffer.h"

#include <cstring>
#include <new>

namespace chainrule::engine {

AlignedBuffer::AlignedBuffer(size_t size)
    : data_(static_cast<float*>(
          ::operator new[](size * sizeof(float), std::align_val_t{kAlignmentBytes}))),
      size_(size) {
  std::memset(data_.get(), 0, size * sizeof(float));
}

void AlignedBuffer::Free::operator()(float* data) const {
  ::operator delete[](data, std::align_val_t{kAlignmentBytes});
}

}  // namespace chainrule::engine
