// SpareBlocks: blocks of memory that nobody uses now, for the next who asks for as many
// bytes, whatever thread that is.
// Small ones, because malloc keeps what each thread freed apart from what another asks for: a
// process of many small models that are trained in turn took twice what they hold. Large
// ones, where that is told, because malloc gives them back to the kernel one by one, and each
// of their pages costs a fault when it comes again: a quarter of a short training's time.
// Thread-safe.
#ifndef CHAINRULE_ENGINE_CORE_SPARE_BLOCKS_H_
#define CHAINRULE_ENGINE_CORE_SPARE_BLOCKS_H_

#include <cstddef>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "engine/core/mutex.h"

namespace chainrule::engine {

class SpareBlocks {
 public:
  // Of each kind; small ones take 2 MiB together at most.
  static constexpr size_t kMostBlocks = 32;
  static constexpr size_t kMostSmallBytes = size_t{64} << 10;
  // Of blocks between the two malloc gives back most pages by itself, and keeps some.
  static constexpr size_t kLeastLargeBytes = size_t{4} << 20;

  // The process's.
  static SpareBlocks& Shared();

  SpareBlocks();
  ~SpareBlocks();
  SpareBlocks(const SpareBlocks&) = delete;
  SpareBlocks& operator=(const SpareBlocks&) = delete;

  // A block of so many bytes, of any values: operator new's, or a spare one. Throws
  // std::bad_alloc.
  void* Take(size_t bytes);
  // `block` is Take's, of as many bytes. The oldest of too many go to operator delete.
  void Give(void* block, size_t bytes);

  // From now on large blocks of so many bytes together are kept, too: for who calls Age now
  // and then. At first none are.
  void KeepLarge(size_t bytes);
  // Lets go of the large blocks that were here at the last call already.
  void Age();
  size_t kept_bytes() const;

 private:
  struct Spare {
    void* block;
    size_t bytes;
    bool aged;
  };
  // To be freed when the lock is released. To give a block takes none.
  using Gone = absl::InlinedVector<Spare, kMostBlocks + 1>;
  // The oldest first.
  struct Shelf {
    size_t most_bytes;  // together
    size_t bytes = 0;
    std::vector<Spare> spares = {};

    void* Take(size_t wanted);  // null: there is none
    // Moves the oldest to `gone`, until the rest fits.
    void Shrink(Gone* gone);
  };
  Shelf* ShelfFor(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);  // null: not kept

  mutable Mutex mutex_;
  Shelf small_ ABSL_GUARDED_BY(mutex_) = {kMostBlocks * kMostSmallBytes};
  Shelf large_ ABSL_GUARDED_BY(mutex_) = {0};
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_CORE_SPARE_BLOCKS_H_
