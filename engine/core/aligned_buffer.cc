#include "engine/core/aligned_buffer.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "engine/core/spare_blocks.h"

namespace chainrule::engine {

namespace {

// What stands before the elements: the block that they are in.
struct Head {
  void* block;
  size_t bytes;
};

Head* HeadOf(float* data) { return reinterpret_cast<Head*>(data) - 1; }

float* Allocate(size_t size) {
  constexpr size_t kBeside = sizeof(Head) + kAlignmentBytes;
  if (size > (SIZE_MAX - kBeside) / sizeof(float)) throw std::bad_array_new_length();
  const size_t bytes = size * sizeof(float) + kBeside;
  auto* const block = static_cast<std::byte*>(SpareBlocks::Shared().Take(bytes));
  void* place = block + sizeof(Head);
  size_t room = bytes - sizeof(Head);
  auto* const data = static_cast<float*>(std::align(kAlignmentBytes, 0, place, room));
  *HeadOf(data) = {block, bytes};
  return data;
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
  const Head head = *HeadOf(data);
  SpareBlocks::Shared().Give(head.block, head.bytes);
}

}  // namespace chainrule::engine
