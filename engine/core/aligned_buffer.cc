#include "engine/core/aligned_buffer.h"

#include <cstdint>
#include <cstring>
#include <new>

namespace chainrule::engine {

namespace {

float* Allocate(size_t size) {
  if (size > SIZE_MAX / sizeof(float)) throw std::bad_array_new_length();
  return static_cast<float*>(
      ::operator new[](size * sizeof(float), std::align_val_t{kAlignmentBytes}));
}

}  // namespace

AlignedBuffer::AlignedBuffer(size_t size) : data_(Allocate(size)), size_(size) {
  std::memset(data_.get(), 0, size * sizeof(float));
}

AlignedBuffer AlignedBuffer::Unset(size_t size) {
  AlignedBuffer buffer;
  buffer.data_.reset(Allocate(size));
  buffer.size_ = size;
#ifndef NDEBUG
  std::memset(buffer.data(), 0xff, size * sizeof(float));
#endif
  return buffer;
}

void AlignedBuffer::Free::operator()(float* data) const {
  ::operator delete[](data, std::align_val_t{kAlignmentBytes});
}

}  // namespace chainrule::engine
