// SpareBlocks: small blocks of memory that nobody uses now, for the next who asks for as
// many bytes, whatever thread that is. malloc keeps what each thread freed apart from what
// another asks for: a process of many small models that are trained in turn took twice what
// they hold.
// Thread-safe.
#ifndef CHAINRULE_ENGINE_CORE_SPARE_BLOCKS_H_
#define CHAINRULE_ENGINE_CORE_SPARE_BLOCKS_H_

#include <cstddef>
#include <vector>

#include "engine/core/mutex.h"

namespace chainrule::engine {

class SpareBlocks {
 public:
  // Together 2 MiB at most. Of larger blocks malloc gives back most pages by itself.
  static constexpr size_t kMostBlocks = 32;
  static constexpr size_t kMostBytes = size_t{64} << 10;

  // The process's.
  static SpareBlocks& Shared();

  SpareBlocks() { spares_.reserve(kMostBlocks + 1); }
  ~SpareBlocks();
  SpareBlocks(const SpareBlocks&) = delete;
  SpareBlocks& operator=(const SpareBlocks&) = delete;

  // A block of so many bytes, of any values: operator new's, or a spare one. Throws
  // std::bad_alloc.
  void* Take(size_t bytes);
  // `block` is Take's, of as many bytes. The oldest of too many goes to operator delete.
  void Give(void* block, size_t bytes);

 private:
  struct Spare {
    void* block;
    size_t bytes;
  };
  Mutex mutex_;
  std::vector<Spare> spares_ ABSL_GUARDED_BY(mutex_);  // the oldest first
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_SPARE_BLOCKS_H_
