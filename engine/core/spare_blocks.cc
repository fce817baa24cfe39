#include "engine/core/spare_blocks.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace chainrule::engine {

SpareBlocks& SpareBlocks::Shared() {
  static auto* const shared = new SpareBlocks;  // buffers may outlive what is static
  return *shared;
}

SpareBlocks::~SpareBlocks() {
  for (const Spare& spare : spares_) ::operator delete(spare.block);
}

void* SpareBlocks::Take(size_t bytes) {
  if (bytes <= kMostBytes) {
    const MutexLock lock(&mutex_);
    const auto same = [bytes](const Spare& spare) { return spare.bytes == bytes; };
    const auto found = std::find_if(spares_.rbegin(), spares_.rend(), same);
    if (found != spares_.rend()) {
      void* const block = found->block;
      spares_.erase(std::next(found).base());
      ASAN_UNPOISON_MEMORY_REGION(block, bytes);
      return block;
    }
  }
  return ::operator new(bytes);
}

void SpareBlocks::Give(void* block, size_t bytes) {
  if (bytes > kMostBytes) return ::operator delete(block);
  ASAN_POISON_MEMORY_REGION(block, bytes);
  Spare oldest{nullptr, 0};
  {
    const MutexLock lock(&mutex_);
    spares_.push_back({block, bytes});
    if (spares_.size() > kMostBlocks) {
      oldest = spares_.front();
      spares_.erase(spares_.begin());
    }
  }
  ::operator delete(oldest.block);
}

}  // namespace chainrule::engine
