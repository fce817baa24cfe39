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

SpareBlocks::SpareBlocks() {
  small_.spares.reserve(kMostBlocks + 1);
  large_.spares.reserve(kMostBlocks + 1);
}

SpareBlocks::~SpareBlocks() {
  for (const Spare& spare : small_.spares) ::operator delete(spare.block);
  for (const Spare& spare : large_.spares) ::operator delete(spare.block);
}

SpareBlocks::Shelf* SpareBlocks::ShelfFor(size_t bytes) {
  if (bytes <= kMostSmallBytes) return &small_;
  if (bytes >= kLeastLargeBytes && bytes <= large_.most_bytes) return &large_;
  return nullptr;
}

void* SpareBlocks::Shelf::Take(size_t wanted) {
  const auto same = [wanted](const Spare& spare) { return spare.bytes == wanted; };
  const auto found = std::find_if(spares.rbegin(), spares.rend(), same);
  if (found == spares.rend()) return nullptr;
  void* const block = found->block;
  spares.erase(std::next(found).base());
  bytes -= wanted;
  return block;
}

void SpareBlocks::Shelf::Shrink(Gone* gone) {
  while (spares.size() > kMostBlocks || bytes > most_bytes) {
    bytes -= spares.front().bytes;
    gone->push_back(spares.front());
    spares.erase(spares.begin());
  }
}

void* SpareBlocks::Take(size_t bytes) {
  {
    const MutexLock lock(&mutex_);
    Shelf* const shelf = ShelfFor(bytes);
    void* const block = shelf != nullptr ? shelf->Take(bytes) : nullptr;
    if (block != nullptr) {
      ASAN_UNPOISON_MEMORY_REGION(block, bytes);
      return block;
    }
  }
  return ::operator new(bytes);
}

void SpareBlocks::Give(void* block, size_t bytes) {
  Gone gone;
  {
    const MutexLock lock(&mutex_);
    Shelf* const shelf = ShelfFor(bytes);
    if (shelf != nullptr) {
      ASAN_POISON_MEMORY_REGION(block, bytes);
      shelf->spares.push_back({block, bytes, false});
      shelf->bytes += bytes;
      shelf->Shrink(&gone);
    } else {
      gone.push_back({block, bytes, false});
    }
  }
  for (const Spare& spare : gone) ::operator delete(spare.block);
}

void SpareBlocks::KeepLarge(size_t bytes) {
  Gone gone;
  {
    const MutexLock lock(&mutex_);
    large_.most_bytes = bytes;
    large_.Shrink(&gone);
  }
  for (const Spare& spare : gone) ::operator delete(spare.block);
}

void SpareBlocks::Age() {
  Gone gone;
  {
    const MutexLock lock(&mutex_);
    for (Spare& spare : large_.spares) {
      if (spare.aged) gone.push_back(spare);
      if (spare.aged) large_.bytes -= spare.bytes;
    }
    std::erase_if(large_.spares, [](const Spare& spare) { return spare.aged; });
    for (Spare& spare : large_.spares) spare.aged = true;
  }
  for (const Spare& spare : gone) ::operator delete(spare.block);
}

size_t SpareBlocks::kept_bytes() const {
  const MutexLock lock(&mutex_);
  return small_.bytes + large_.bytes;
}

}  // namespace chainrule::engine
