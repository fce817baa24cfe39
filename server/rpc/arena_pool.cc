#include "server/rpc/arena_pool.h"

namespace chainrule::server {
namespace {

google::protobuf::ArenaOptions FirstBlock(char* block, size_t bytes) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = bytes;
  return options;
}

}  // namespace

ArenaPool::Place::Place() : arena(FirstBlock(block.data(), block.size())) {}

ArenaPool::~ArenaPool() {
  for (std::atomic<Place*>& place : places_) delete place.load(std::memory_order_acquire);
}

ArenaPool::Place* ArenaPool::Take() {
  for (std::atomic<Place*>& place : places_) {
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    Place* const found = place.exchange(nullptr, std::memory_order_acquire);
    if (found != nullptr) return found;
  }
  return new Place;
}

void ArenaPool::Put(Place* returned) {
  returned->arena.Reset();
  for (std::atomic<Place*>& place : places_) {
    Place* none = nullptr;
    if (place.load(std::memory_order_relaxed) == nullptr &&
        place.compare_exchange_strong(none, returned, std::memory_order_release)) {
      return;
    }
  }
  delete returned;
}

}  // namespace chainrule::server
