// DoubleBuffer: a block of floats of which one is current and the next is written beside
// it, or, where that is told, over it while nobody else has it.  What was shared never
// changes: its place is taken by a new buffer.
// Single-threaded.
#ifndef CHAINRULE_ENGINE_TRAIN_DOUBLE_BUFFER_H_
#define CHAINRULE_ENGINE_TRAIN_DOUBLE_BUFFER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "engine/core/aligned_buffer.h"
#include "engine/nn/network.h"

namespace chainrule::engine {

class DoubleBuffer {
 public:
  enum class Next : uint8_t { kBeside, kInPlace };

  // `current`: blocks of `network`, which is borrowed.
  DoubleBuffer(const Network& network, std::shared_ptr<const AlignedBuffer> current, Next next)
      : network_(network), next_is_(next), current_(std::move(current)) {}

  std::span<const float> current() const { return current_->span(); }

  // As many floats as current() has, to be written whole but for what is zero in every
  // block. Allocates only if there is none: at first, and after Share.
  std::span<float> next();
  // Whether next() is current().
  bool in_place() const { return next_is_ == Next::kInPlace && owned_ != nullptr; }
  // What next() gave becomes current; what was current, if it was not shared, next.
  void Swap();

  // Of what it has beside a current block that was shared, next() included.
  int64_t bytes() const;

  // The current block, immutable from now on.
  std::shared_ptr<const AlignedBuffer> Share();
  // Another one in its place.
  void Reset(std::shared_ptr<const AlignedBuffer> current);

 private:
  const Network& network_;
  const Next next_is_;
  std::shared_ptr<const AlignedBuffer> current_;
  std::shared_ptr<AlignedBuffer> owned_;  // what current_ is, while nobody else has it
  std::shared_ptr<AlignedBuffer> next_;
};

}  // namespace chainrule::engine

#endif  // CHAINRULE_ENGINE_TRAIN_DOUBLE_BUFFER_H_
